// What the parts share. All text is text: names and labels are hostile.

const SVG = "http://www.w3.org/2000/svg";
export const WAYS = { queue: "by S3 + SQS", direct: "by S3 + direct request", http: "by the door" };
export const ENDS = { scored: "scored", unrecognised: "not recognised", failed: "failed", dead: "dead letters" };

export function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

export function drawing(size, ...paths) {
  const svg = document.createElementNS(SVG, "svg");
  for (const [name, d] of paths) svg.append(set(document.createElementNS(SVG, "path"), { class: name, d }));
  return set(svg, { viewBox: `0 0 ${size}`, preserveAspectRatio: "none", "aria-hidden": "true" });
}

export function byId(id) {
  return document.getElementById(id);
}

export function duration(ms) {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
