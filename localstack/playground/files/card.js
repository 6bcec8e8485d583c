// Fills the card of a photo.
import { copyOf } from "./copies.js";
import { ledger } from "./ledger.js";
import { WAYS, duration, make, paragraph } from "./make.js";
import { stars } from "./stars.js";

const WORDS = { sent: "on its way …", unrecognised: "probably not food", failed: "cannot be scored", dead: "a dead letter" };

// What stands in a card. `original`: of which this is a copy, if it is here; `hasPicture`: whether to load it.
export function contents(photo, original, hasPicture) {
  const { dead, result, ms } = photo;
  const parts = [make("div", { className: "top" }, hasPicture ? picture(photo) : null, head(photo))];
  if (dead) parts.push(paragraph("error", dead.reason));
  if (!result) return parts;
  const { error, tip, image_hash, duplicate_of, timings_ms } = result;
  if (error) parts.push(paragraph("error", make("code", {}, error.code), " ", make("bdi", {}, error.message)));
  if (tip) parts.push(paragraph("tip", tip.text));
  if (duplicate_of) parts.push(copyOf(duplicate_of, image_hash, original));
  if (timings_ms) parts.push(ledger(timings_ms));
  const hash = image_hash && make("code", {}, image_hash);
  parts.push(paragraph("foot", hash, ms == null ? null : `answer after ${duration(ms)}`));
  return parts;
}

function picture({ id, number, result }) {
  const alt = [`Photo ${number}`, labels(result)[0]?.name].filter(Boolean).join(", ");
  const image = make("img", { className: "picture", loading: "lazy", alt });
  image.addEventListener("error", () => image.remove());
  image.src = `thumbnails/${encodeURIComponent(id)}`;
  return image;
}

function head({ number, name, way, state, result }) {
  const title = make("h3", {}, `Photo ${number} `, make("small", {}, name));
  const score = result?.score_mean ?? null;
  const verdict = score === null ? paragraph("word", WORDS[result?.status ?? state]) : stars(score);
  const best = labels(result).slice(0, 3).map(({ name, probability }) =>
    make("li", {}, make("bdi", {}, name), " ", make("b", {}, `${Math.round(probability * 100)}%`)));
  const list = best.length ? make("ul", { className: "labels", ariaLabel: "Best labels" }, ...best) : null;
  return make("div", { className: "head" }, title, make("p", { className: "chip", data: { way } }, WAYS[way]), verdict, list);
}

function labels(result) {
  return Object.values(result?.inference ?? {}).find((output) => output.labels)?.labels ?? [];
}
