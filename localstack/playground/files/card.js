// Fills the card of a photo.
import { copyOf } from "./copies.js";
import { ledger } from "./ledger.js";
import { WAYS, duration, make } from "./make.js";
import { stars } from "./stars.js";

const WORDS = { sent: "on its way …", unrecognised: "probably not food", failed: "cannot be scored", dead: "a dead letter" };

// What stands in a card. `original`: of which this is a copy, if it is here; `hasThumbnail`: whether to load it.
export function contents(photo, original, hasThumbnail) {
  const { number, name, way, result, dead } = photo;
  const title = make("h3", {}, make("span", { textContent: `Photo ${number} ` }), make("small", { textContent: name }));
  const chip = make("p", { className: "chip", textContent: WAYS[way], data: { way } });
  const head = make("div", { className: "head" }, title, chip, ...verdict(photo));
  const parts = [make("div", { className: "top" }, picture(photo, hasThumbnail), head)];
  if (dead) parts.push(make("p", { className: "error", textContent: dead.reason }));
  if (!result) return parts;
  const { error, tip, image_hash, duplicate_of, timings_ms } = result;
  if (error) parts.push(make("p", { className: "error" }, make("code", { textContent: error.code }), ` ${error.message}`));
  if (tip) parts.push(make("p", { className: "tip", textContent: tip.text }));
  if (duplicate_of) parts.push(copyOf(duplicate_of, image_hash, original));
  if (timings_ms) parts.push(ledger(timings_ms));
  const seen = photo.ms == null ? "" : `answer after ${duration(photo.ms)}`;
  const hash = image_hash && make("code", { textContent: image_hash });
  if (seen || hash) parts.push(make("p", { className: "foot" }, hash, make("span", { textContent: seen })));
  return parts;
}

function picture({ id, number, result }, hasThumbnail) {
  const frame = make("div", { className: "picture" });
  if (!hasThumbnail) return frame;
  const label = labels(result)[0]?.name;
  const alt = label ? `Photo ${number}, ${label}` : `Photo ${number}`;
  const image = make("img", { loading: "lazy", decoding: "async", width: 96, height: 96, alt });
  image.addEventListener("error", () => image.remove());
  image.src = `thumbnails/${encodeURIComponent(id)}`;
  frame.append(image);
  return frame;
}

function verdict({ state, result }) {
  if (result?.score_mean != null) return [stars(result.score_mean), labelList(result)];
  return [make("p", { className: "word", textContent: WORDS[result?.status ?? state] }), labelList(result)];
}

function labels(result) {
  return Object.values(result?.inference ?? {}).find((output) => output.labels)?.labels ?? [];
}

function labelList(result) {
  const best = labels(result).slice(0, 3);
  if (!best.length) return null;
  const entries = best.map(({ name, probability }) =>
    make("li", {}, `${name} `, make("b", { textContent: `${Math.round(probability * 100)}%` })));
  return make("ul", { className: "labels", ariaLabel: "Best labels" }, ...entries);
}
