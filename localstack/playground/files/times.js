// Keeps the times of each way, and shows them side by side: figures, a histogram and a table.
import { LINEAR, LOGARITHMIC } from "./axes.js";
import { histogram } from "./histogram.js";
import { WAYS, byId, duration, make, write } from "./make.js";

const MOST = 2000; // times kept of each way
const PAUSE = 500; // ms between two drawings
const FIGURES = { count: "photos", p50: "p50", p99: "p99", under: "within 1 s" };

const times = { queue: [], direct: [], http: [] };
const counted = new Map(); // id → true, so that a photo told of again counts once
let timer;

export function showTimes(stream) {
  byId("histograms").append(...Object.entries(WAYS).map(frame));
  stream.on("photo", ({ id, way, ms, result, state }) => {
    const time = ms ?? result?.timings_ms?.total;
    if (state !== "done" || time == null || counted.has(id)) return;
    keep(counted, id);
    times[way].push(time);
    if (times[way].length > MOST) times[way].shift();
    timer ??= setTimeout(draw, PAUSE);
  });
  for (const radio of document.querySelectorAll("[name=axis]")) radio.addEventListener("change", draw);
  byId("bins").addEventListener("toggle", draw);
  draw();
}

function keep(map, id) {
  map.set(id, true);
  if (map.size > 3 * MOST) map.delete(map.keys().next().value);
}

function frame([way, name]) {
  const figures = Object.entries(FIGURES).map(([figure, label]) =>
    make("div", {}, make("dt", { textContent: label }), make("dd", { data: { figure } })));
  return make("figure", { data: { way } }, make("figcaption", { className: "chip", textContent: name, data: { way } }),
    make("dl", {}, ...figures), make("div", { className: "plot" }));
}

function draw() {
  timer = undefined;
  const axis = document.querySelector("[name=axis]:checked").value === "log" ? LOGARITHMIC : LINEAR;
  const binned = Object.fromEntries(Object.keys(WAYS).map((way) => [way, axis.count(times[way])]));
  const highest = Math.max(...Object.entries(binned).map(([way, bins]) => Math.max(...bins) / (times[way].length || 1)));
  for (const way of Object.keys(WAYS)) {
    const place = byId("histograms").querySelector(`figure[data-way=${way}]`);
    const median = showFigures(place, times[way]);
    const shares = binned[way].map((count) => (highest ? count / times[way].length / highest : 0) || 0);
    place.querySelector(".plot").replaceChildren(...histogram(axis, shares, median));
  }
  if (byId("bins").open) byId("bins").querySelector("table").replaceChildren(...table(axis, binned));
}

function showFigures(place, all) {
  const sorted = [...all].sort((one, other) => one - other);
  const cut = (share) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
  const under = sorted.filter((ms) => ms <= 1000).length;
  const texts = sorted.length
    ? { p50: duration(cut(0.5)), p99: duration(cut(0.99)), under: `${Math.floor((under / sorted.length) * 100)}%` }
    : {};
  for (const figure of Object.keys(FIGURES)) {
    write(place.querySelector(`[data-figure=${figure}]`), figure === "count" ? `${sorted.length}` : (texts[figure] ?? "–"));
  }
  return cut(0.5);
}

function table(axis, binned) {
  const head = ["time", ...Object.values(WAYS)].map((name) => make("th", { scope: "col", textContent: name }));
  const rows = axis.names.map((name, bin) => {
    const counts = Object.values(binned).map((bins) => bins[bin]);
    if (!counts.some(Boolean)) return null;
    return make("tr", {}, make("th", { scope: "row", textContent: name }),
      ...counts.map((count) => make("td", { textContent: count })));
  });
  return [make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows)];
}
