// Offers the faults, one button each, and shows which are on and for how long yet.
import { make, write } from "../page/boxes.js";
import { stream } from "../page/main.js";
import { ask } from "./ask.js";
import { byId, set } from "./shared.js";

const ends = new Map(); // fault that is on → when it ends
let clock;

export function showFaults(faults) {
  byId("faults").replaceChildren(...faults.map(entry));
}

function entry({ name, title, says }) {
  const id = `fault-${name}`;
  const button = set(make("button", "", title), { "aria-describedby": id });
  button.addEventListener("click", () => {
    if (!ends.has(name)) ask(`faults/${encodeURIComponent(name)}`, { what: title });
  });
  const left = set(make("p", "left"), { "aria-hidden": "true" });
  return set(make("li", "", left, button, set(make("p", "", says), { id })), { "data-fault": name, "data-state": "off" });
}

stream.on("fault", ({ name, state, left, says }) => {
  const isNew = ends.has(name) !== (state === "on");
  if (state === "on") ends.set(name, performance.now() + left * 1000);
  else ends.delete(name);
  if (isNew) write(byId("fault-said"), state === "on" ? says : `Over: ${says}`);
  show(name, "");
  clock ??= setInterval(tick, 250);
});

// Those that are on are told again at the next connection.
stream.on("lost", () => ends.forEach((_, name) => ends.delete(name) && show(name, "")));

// The seconds are for the eye only: a screen reader hears the beginning and the end.
function tick() {
  for (const [name, end] of ends) {
    const left = Math.ceil((end - performance.now()) / 1000);
    show(name, left > 0 ? `on, ${left} s left` : "on");
  }
  if (ends.size === 0) clock = clearInterval(clock);
}

function show(name, text) {
  const one = byId("faults").querySelector(`[data-fault="${CSS.escape(name)}"]`);
  if (!one) return; // the buttons are not there yet
  one.dataset.state = ends.has(name) ? "on" : "off";
  one.querySelector("button").ariaDisabled = String(ends.has(name));
  write(one.querySelector(".left"), text);
}
