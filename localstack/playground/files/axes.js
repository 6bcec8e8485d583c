// The two axes of the histograms: where a time stands, and in which bin it counts.
import { duration } from "./make.js";

const BINS = 40;

export const LOGARITHMIC = axis({
  share: (ms) => (Math.log10(ms) - 1) / 4, // 10 ms to 100 s
  edge: (share) => 10 ** (1 + share * 4),
  ticks: [10, 100, 1000, 10_000],
});
export const LINEAR = axis({ share: (ms) => ms / 2000, edge: (share) => share * 2000, ticks: [0, 500, 1000, 1500] });

// What lies beyond an end counts in the last bin there.
function axis({ share, edge, ticks }) {
  const place = (ms) => Math.min(1, Math.max(0, share(ms)));
  const count = (times) => {
    const bins = new Array(BINS).fill(0);
    for (const ms of times) bins[Math.min(BINS - 1, Math.floor(place(ms) * BINS))] += 1;
    return bins;
  };
  return { ticks, place, count, name: (bin) => `from ${duration(edge(bin / BINS))}` };
}
