// Makes elements, and writes only what has changed. All text is textContent: names and labels are hostile.

export const WAYS = { queue: "by S3 + SQS", direct: "by S3 + direct request", http: "by the door" };
export const ENDS = { scored: "scored", unrecognised: "not recognised", failed: "failed", dead: "dead letters" };

export function make(tag, properties = {}, ...children) {
  const { data = {}, ...others } = properties;
  const made = Object.assign(document.createElement(tag), others);
  Object.assign(made.dataset, data);
  made.append(...children.filter((child) => child != null && child !== ""));
  return made;
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
  return ms < 9950 ? `${ms < 10 ? Number(ms.toFixed(1)) : Math.round(ms).toLocaleString("en")} ms` : `${(ms / 1000).toFixed(1)} s`;
}
