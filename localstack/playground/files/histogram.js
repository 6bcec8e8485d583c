// Draws one histogram over a logarithmic axis: bars, the median, the one-second line and the ticks.
import { make } from "../page/boxes.js";
import { drawing, duration, set } from "./shared.js";

const BINS = 40;
const DECADES = 4; // 10 ms to 100 s; what lies beyond an end counts there
const TICKS = { 10: "10 ms", 100: "100 ms", 1000: "1 s", 10_000: "10 s" };

// How many of these milliseconds are in each bin.
export function counted(times) {
  const bins = new Array(BINS).fill(0);
  for (const ms of times) bins[Math.min(BINS - 1, Math.floor(place(ms) * BINS))] += 1;
  return bins;
}

// Where a bin begins, in words.
export function nameOf(bin) {
  return `from ${duration(10 ** (1 + (bin / BINS) * DECADES))}`;
}

// `bins`: how many are in each; `median` in ms, or undefined. The table beside it says the same.
export function histogram(bins, median) {
  const highest = Math.max(1, ...bins);
  const bars = bins.map((count, bin) => `M${bin + 0.1} 1v${-count / highest}h.8V1z`).join("");
  const ticks = Object.entries(TICKS).map(([ms, text]) => mark("tick", ms, text));
  return [drawing(`${BINS} 1`, ["", bars]), mark("second", 1000), ...(median ? [mark("median", median)] : []), ...ticks];
}

function place(ms) {
  return Math.min(1, Math.max(0, (Math.log10(ms) - 1) / DECADES));
}

function mark(className, ms, text = "") {
  const made = set(make("span", className, text), { "aria-hidden": "true" });
  made.style.left = `${place(ms) * 100}%`;
  return made;
}
