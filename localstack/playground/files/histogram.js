// Draws one histogram: bars, the median, the one-second line and the ticks.
import { drawing, duration, make } from "./make.js";

// `shares`: the height of each bar, 0 to 1; `median` in ms, or undefined. The table beside it says the same.
export function histogram(axis, shares, median) {
  const bars = shares.map((share, bin) => (share ? `M${bin + 0.08} 1V${1 - share}h.84V1z` : "")).join("");
  const svg = drawing("svg", { viewBox: `0 0 ${shares.length} 1`, preserveAspectRatio: "none", "aria-hidden": "true" },
    drawing("path", { d: bars }));
  const marks = [mark("second", axis.place(1000))];
  if (median !== undefined) marks.push(mark("median", axis.place(median)));
  const ticks = axis.ticks.map((ms) => {
    const tick = mark("tick", axis.place(ms));
    tick.textContent = ms < 1000 ? duration(ms) : `${ms / 1000} s`;
    return tick;
  });
  return [svg, ...marks, ...ticks];
}

function mark(className, share) {
  const made = make("span", { className, ariaHidden: "true" });
  made.style.left = `${share * 100}%`;
  return made;
}
