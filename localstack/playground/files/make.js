// Makes elements. All text is text: names and labels are hostile.

export const WAYS = { queue: "by S3 + SQS", direct: "by S3 + direct request", http: "by the door" };
export const ENDS = { scored: "scored", unrecognised: "not recognised", failed: "failed", dead: "dead letters" };

export function make(tag, { data = {}, ...properties } = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  Object.assign(made.dataset, data);
  made.append(...children.filter((child) => child != null));
  return made;
}

export function paragraph(className, ...children) {
  return make("p", { className }, ...children);
}

export function drawing(size, ...paths) {
  const svg = element("svg", { viewBox: `0 0 ${size}`, preserveAspectRatio: "none", "aria-hidden": "true" });
  svg.append(...paths.map(([name, d]) => element("path", { class: name, d })));
  return svg;
}

function element(tag, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

export function byId(id) {
  return document.getElementById(id);
}

export function duration(ms) {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
