// Offers the faults, one button each, and shows which are on and for how long yet.
import { ask } from "./ask.js";
import { byId, make, write } from "./make.js";

const ends = new Map(); // fault that is on → when it ends
let clock;

export function showFaults(faults) {
  byId("faults").replaceChildren(...faults.map(entry));
  for (const name of ends.keys()) mark(name, "on"); // heard of before the buttons were there
}

function entry({ name, title, says }) {
  const id = `fault-${name}`;
  const button = make("button", { textContent: title });
  button.setAttribute("aria-describedby", id);
  button.addEventListener("click", () => {
    if (!ends.has(name)) ask(`faults/${encodeURIComponent(name)}`, { what: title });
  });
  const left = make("p", { className: "left", ariaHidden: "true" });
  return make("li", { data: { fault: name, state: "off" } }, left, button, make("p", { id, textContent: says }));
}

export function followFaults(stream) {
  stream.on("fault", ({ name, state, left, says }) => {
    const isNew = ends.has(name) !== (state === "on");
    if (state === "on") ends.set(name, performance.now() + left * 1000);
    else ends.delete(name);
    if (isNew) write(byId("fault-said"), says);
    mark(name, state);
    clock ??= setInterval(tick, 250);
    tick();
  });
}

function find(name) {
  return byId("faults").querySelector(`[data-fault="${CSS.escape(name)}"]`);
}

function mark(name, state) {
  const one = find(name);
  if (!one) return;
  one.dataset.state = state;
  one.querySelector("button").ariaDisabled = String(state === "on");
  write(one.querySelector(".left"), "");
}

// The seconds are for the eye only: a screen reader hears the beginning and the end.
function tick() {
  for (const [name, end] of ends) {
    const left = Math.ceil((end - performance.now()) / 1000);
    const place = find(name)?.querySelector(".left");
    if (place) write(place, left > 0 ? `on, ${left} s left` : "on");
  }
  if (ends.size === 0) clock = clearInterval(clock);
}
