// Writes the figures of the last minute, the counts and the outages.

const COUNTS = {
  scored: "scored", unrecognised: "not recognised as food", failed: "failed", already_scored: "known already",
  released: "given back", returned: "returned at a stop",
};

export function showFigures(frame) {
  for (const row of document.querySelectorAll("#ways [data-way]")) {
    const { rate = 0, p50 = null, p99 = null } = frame.ways[row.dataset.way] ?? {};
    const texts = [rate.toFixed(1), milliseconds(p50), milliseconds(p99)];
    row.querySelectorAll("td").forEach((cell, column) => write(cell, texts[column]));
  }
  showCounts(frame.counts);
  showOutages(frame.outages);
  const sampled = document.getElementById("sampled");
  sampled.hidden = frame.sampled >= 1;
  write(sampled, `A dot stands for one photo in ${Math.round(1 / (frame.sampled || 1))}.`);
}

function showCounts(counts) {
  const list = document.getElementById("counts");
  for (const [name, label] of Object.entries(COUNTS)) {
    let value = list.querySelector(`[data-count="${name}"]`);
    if (!value) {
      const group = list.appendChild(document.createElement("div"));
      group.appendChild(document.createElement("dt")).textContent = label;
      value = group.appendChild(document.createElement("dd"));
      value.dataset.count = name;
    }
    write(value, String(counts[name] ?? 0));
  }
}

// The seconds stand in a part that screen readers do not hear again and again.
function showOutages(outages) {
  const place = document.getElementById("outages");
  const names = outages.map((one) => one.part).join(", ");
  if (place.dataset.names !== names) {
    place.dataset.names = names;
    place.replaceChildren(...outages.map(sentence));
  }
  place.querySelectorAll("[aria-hidden]").forEach((since, number) => {
    write(since, ` for ${Math.round(outages[number].since)} s: ${outages[number].reason}`);
  });
}

function sentence(outage) {
  const made = document.createElement("span");
  const since = document.createElement("span");
  since.ariaHidden = "true";
  made.append(`${outage.part} does not answer`, since, ". ");
  return made;
}

function milliseconds(value) {
  return value === null ? "–" : `${Math.round(value)} ms`;
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
