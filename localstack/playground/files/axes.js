// The two axes of the histograms: where a time stands, and in which bin it counts.
import { duration } from "./make.js";

const BINS = 40;

export const LOGARITHMIC = axis({
  share: (ms) => (Math.log10(Math.max(ms, 10)) - 1) / 4, // 10 ms to 100 s
  edge: (share) => 10 ** (1 + share * 4),
  ticks: [10, 100, 1000, 10_000],
});
export const LINEAR = axis({
  share: (ms) => ms / 2000, // what took longer is in the last bin
  edge: (share) => share * 2000,
  ticks: [0, 500, 1000, 1500],
});

function axis({ share, edge, ticks }) {
  const place = (ms) => Math.min(1, Math.max(0, share(ms)));
  return {
    place,
    ticks,
    names: Array.from({ length: BINS }, (_, bin) => {
      const from = duration(edge(bin / BINS));
      return bin === BINS - 1 ? `${from} and more` : `${from} to ${duration(edge((bin + 1) / BINS))}`;
    }),
    count(times) {
      const bins = new Array(BINS).fill(0);
      for (const ms of times) bins[Math.min(BINS - 1, Math.floor(place(ms) * BINS))] += 1;
      return bins;
    },
  };
}
