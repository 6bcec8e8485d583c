// Makes elements, and writes only what has changed. All text is text: names and labels are hostile.

export const WAYS = { queue: "by S3 + SQS", direct: "by S3 + direct request", http: "by the door" };
export const ENDS = { scored: "scored", unrecognised: "not recognised", failed: "failed", dead: "dead letters" };

export function make(tag, { data = {}, ...properties } = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  Object.assign(made.dataset, data);
  made.append(...children.filter((child) => child !== null));
  return made;
}

export function paragraph(className, ...children) {
  return make("p", { className }, ...children);
}

export function drawing(tag, attributes, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function byId(id) {
  return document.getElementById(id);
}

export function duration(ms) {
  if (ms >= 9950) return `${(ms / 1000).toFixed(1)} s`;
  return `${ms < 9.95 ? Number(ms.toFixed(1)) : Math.round(ms).toLocaleString("en")} ms`;
}
