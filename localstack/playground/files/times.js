// Keeps the times of each way, and shows them side by side: figures, a histogram and a table.
import { make, number, write } from "../page/boxes.js";
import { stream } from "../page/main.js";
import { counted, histogram, nameOf } from "./histogram.js";
import { WAYS, byId, duration, set } from "./shared.js";

const MOST = 2000; // times kept of each way
const PAUSE = 1000; // ms between two drawings
const FIGURES = { count: "photos", p50: "p50", p99: "p99", share: "within 1 s" };
const NAMES = Object.keys(WAYS);

const times = { queue: [], direct: [], http: [] };
const known = new Set(); // photos: one that is told of again counts once
let timer;

byId("histograms").append(...NAMES.map(frame));
stream.on("photo", ({ id, way, ms, result }) => {
  const time = ms ?? result?.timings_ms?.total;
  if (!result || time == null || known.has(id)) return;
  known.add(id);
  times[way].push(time);
  if (times[way].length > MOST) times[way].shift();
  if (known.size > NAMES.length * MOST) known.delete(known.values().next().value);
  timer ??= setTimeout(draw, PAUSE);
});
byId("bins").addEventListener("toggle", draw);
draw();

function frame(way) {
  const figures = Object.entries(FIGURES).map(([figure, label]) =>
    make("div", "", make("dt", "", label), set(make("dd"), { "data-figure": figure })));
  return set(make("figure", "", make("figcaption", "chip", WAYS[way]), make("dl", "", ...figures), make("div", "plot")), { "data-way": way });
}

function draw() {
  timer = undefined;
  const bins = NAMES.map((way) => counted(times[way]));
  NAMES.forEach((way, place) => {
    const figure = byId("histograms").children[place];
    figure.lastChild.replaceChildren(...histogram(bins[place], showFigures(figure, times[way])));
  });
  if (byId("bins").open) byId("bins").lastChild.replaceChildren(...table(bins));
}

// Returns the median.
function showFigures(place, all) {
  const sorted = all.toSorted((one, other) => one - other);
  const cut = (share) => sorted[Math.ceil(share * sorted.length) - 1];
  const inTime = sorted.filter((ms) => ms <= 1000).length / sorted.length;
  const texts = [duration(cut(0.5)), duration(cut(0.99)), `${Math.floor(100 * inTime)}%`];
  place.querySelectorAll("dd").forEach((cell, column) =>
    write(cell, column === 0 ? number(all.length) : all.length ? texts[column - 1] : "–"));
  return cut(0.5);
}

function table(bins) {
  const rows = bins[0].map((_, bin) => {
    const counts = bins.map((one) => one[bin]);
    return counts.some(Boolean) ? row(nameOf(bin), counts.map((count) => make("td", "", count))) : null;
  });
  return [row("time", Object.values(WAYS).map((name) => set(make("th", "", name), { scope: "col" }))), ...rows.filter(Boolean)];
}

function row(name, cells) {
  return make("tr", "", set(make("th", "", name), { scope: "row" }), ...cells);
}
