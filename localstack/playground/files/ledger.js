// Draws where a photo's time went: a bar against the one-second line, and a table when asked.
import { make } from "../page/boxes.js";
import { duration, set } from "./shared.js";

const SECOND = 1000; // ms
const STEPS = {
  notify: "S3 tells SQS", queue: "in SQS", wait: "for a helper", fetch: "from S3", decode: "shrunk and hashed",
  batch_wait: "for a batch", infer: "in the model", commit: "until Redis has it",
};

export function ledger(timings) {
  const scale = Math.max(SECOND, timings.total);
  const line = make("span", "second");
  line.style.left = `${(SECOND / scale) * 100}%`;
  const bar = set(make("span", "steps", line), { "aria-hidden": "true" });
  bar.style.backgroundImage = `linear-gradient(to right, ${stripes(timings, scale)})`;
  const words = `${duration(timings.total)}, ${scale > SECOND ? "over a second" : "within the second"}`;
  const details = make("details", "", make("summary", "", bar, words));
  details.addEventListener("toggle", () => details.children.length > 1 || details.append(table(timings)));
  return details;
}

// One background of hard stripes: eight elements less in each of a thousand cards.
function stripes(timings, scale) {
  let at = 0;
  const made = Object.keys(STEPS).map((step) => {
    const from = at;
    at += ((timings[step] ?? 0) / scale) * 100;
    return `var(--${step}) ${from}% ${at}%`;
  });
  return [...made, `transparent ${at}%`].join();
}

function table(timings) {
  const rows = Object.entries(STEPS).filter(([step]) => step in timings).map(([step, where]) => {
    const swatch = make("i", "swatch");
    swatch.style.background = `var(--${step})`;
    const time = make("td", "", `${timings[step].toFixed(1)} ms`);
    return make("tr", "", set(make("th", "", swatch, step), { scope: "row" }), time, make("td", "", where));
  });
  return make("table", "", ...rows);
}
