// Keeps the times of each way, and shows them side by side: figures, a histogram and a table.
import { LINEAR, LOGARITHMIC } from "./axes.js";
import { histogram } from "./histogram.js";
import { WAYS, byId, duration, make, write } from "./make.js";

const MOST = 2000; // times kept of each way
const PAUSE = 1000; // ms between two drawings
const FIGURES = { count: "photos", p50: "p50", p99: "p99", share: "within 1 s" };
const NAMES = Object.keys(WAYS);

const times = { queue: [], direct: [], http: [] };
const counted = new Set(); // photos: one that is told of again counts once
let timer;

export function showTimes(stream) {
  byId("histograms").append(...NAMES.map(frame));
  stream.on("photo", ({ id, way, ms, result }) => {
    const time = ms ?? result?.timings_ms?.total;
    if (!result || time == null || counted.has(id)) return;
    counted.add(id);
    times[way].push(time);
    if (times[way].length > MOST) times[way].shift();
    if (counted.size > NAMES.length * MOST) counted.delete(counted.values().next().value);
    timer ??= setTimeout(draw, PAUSE);
  });
  byId("times").addEventListener("change", draw); // another axis
  byId("bins").addEventListener("toggle", draw);
  draw();
}

function frame(way) {
  const figures = Object.entries(FIGURES).map(([figure, label]) =>
    make("div", {}, make("dt", {}, label), make("dd", { data: { figure } })));
  return make("figure", { data: { way } }, make("figcaption", { className: "chip" }, WAYS[way]),
    make("dl", {}, ...figures), make("div", { className: "plot" }));
}

function draw() {
  timer = undefined;
  const axis = document.querySelector("[name=axis]:checked").value === "log" ? LOGARITHMIC : LINEAR;
  const bins = NAMES.map((way) => axis.count(times[way]));
  const shares = NAMES.map((way, place) => bins[place].map((count) => count / (times[way].length || 1)));
  const highest = Math.max(...shares.flat()) || 1;
  NAMES.forEach((way, place) => {
    const figure = byId("histograms").children[place];
    const median = showFigures(figure, times[way]);
    figure.lastChild.replaceChildren(...histogram(axis, shares[place].map((share) => share / highest), median));
  });
  if (byId("bins").open) byId("bins").lastChild.replaceChildren(...table(axis, bins));
}

// Returns the median.
function showFigures(place, all) {
  const sorted = all.toSorted((one, other) => one - other);
  const cut = (share) => sorted[Math.ceil(share * sorted.length) - 1];
  const inTime = Math.floor((100 * sorted.filter((ms) => ms <= 1000).length) / sorted.length);
  const texts = { p50: duration(cut(0.5)), p99: duration(cut(0.99)), share: `${inTime}%` };
  for (const figure of Object.keys(FIGURES)) {
    const text = figure === "count" ? `${all.length}` : all.length ? texts[figure] : "–";
    write(place.querySelector(`[data-figure=${figure}]`), text);
  }
  return cut(0.5);
}

function table(axis, bins) {
  const head = ["time", ...Object.values(WAYS)].map((name) => make("th", { scope: "col" }, name));
  const rows = bins[0].map((_, bin) => {
    const counts = bins.map((one) => one[bin]);
    if (!counts.some(Boolean)) return null;
    return make("tr", {}, make("th", { scope: "row" }, axis.name(bin)), ...counts.map((count) => make("td", {}, count)));
  });
  return [make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows)];
}
