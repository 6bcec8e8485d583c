// Writes the figures of the last minute, the counts and the outages.
import { make, number, write } from "./boxes.js";

export function showFigures(frame) {
  for (const row of document.querySelectorAll("#ways [data-way]")) {
    const { rate = 0, p50 = null, p99 = null } = frame.ways[row.dataset.way] ?? {};
    const texts = [rate.toFixed(1), time(p50), time(p99)];
    row.querySelectorAll("td").forEach((cell, column) => write(cell, texts[column]));
  }
  for (const one of document.querySelectorAll("[data-count]")) write(one, number(frame.counts[one.dataset.count] ?? 0));
  showOutages(frame.outages);
  const sampled = document.getElementById("sampled");
  sampled.hidden = frame.sampled >= 1;
  write(sampled, `a dot stands for ${number(Math.round(1 / (frame.sampled || 1)))} photos`);
}

// The seconds stand in a part that screen readers do not hear again and again.
function showOutages(outages) {
  const place = document.getElementById("outages");
  const names = outages.map((one) => one.part).join(", ");
  if (place.dataset.names !== names) {
    place.dataset.names = names;
    place.replaceChildren(...outages.map(sentence));
  }
  place.querySelectorAll("[aria-hidden]").forEach((since, which) => {
    const { since: seconds, reason } = outages[which];
    write(since, ` for ${number(Math.round(seconds))} s${reason && `: ${reason}`}`);
  });
}

function sentence(outage) {
  const [whole, since] = [make("span"), make("span")];
  since.ariaHidden = "true";
  whole.append(`${outage.part} has not answered`, since, ". ");
  return whole;
}

function time(ms) {
  return ms === null ? "–" : `${number(Math.round(ms))} ms`;
}
