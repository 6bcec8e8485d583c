// Fills the card of a photo.
import { make } from "../page/boxes.js";
import { copyOf } from "./copies.js";
import { ledger } from "./ledger.js";
import { WAYS, duration, set } from "./shared.js";

const WORDS = { sent: "on its way …", unrecognised: "probably not food", failed: "cannot be scored", dead: "a dead letter" };

// What stands in a card. `original`: of which this is a copy, if it is here.
export function contents(photo, original) {
  const { dead, result, ms, thumbnail } = photo;
  const { error, tip, image_hash: hash, duplicate_of: copied, timings_ms: timings } = result ?? {};
  return [
    make("div", "top", thumbnail ? picture(photo) : "", head(photo)),
    dead && make("p", "error", dead.reason),
    error && make("p", "error", make("code", "", error.code), " ", make("bdi", "", error.message)),
    tip && make("p", "tip", tip.text),
    copied && copyOf(copied, hash, original),
    timings && ledger(timings),
    result && make("p", "foot", hash ? make("code", "", hash) : "", ms ? `answer after ${duration(ms)}` : ""),
  ].filter(Boolean);
}

function picture({ id, number, result }) {
  const alt = [`Photo ${number}`, labels(result)[0]?.name].filter(Boolean).join(", ");
  const image = set(make("img", "picture"), { loading: "lazy", alt });
  image.addEventListener("error", () => image.remove());
  image.src = `thumbnails/${encodeURIComponent(id)}`;
  return image;
}

function head({ number, name, way, state, result }) {
  const score = result?.score_mean;
  const best = labels(result).slice(0, 3).map(({ name, probability }) =>
    make("li", "", make("bdi", "", name), " ", make("b", "", `${Math.round(probability * 100)}%`)));
  return make("div", "head",
    make("h3", "", `Photo ${number} `, make("small", "", name)),
    set(make("p", "chip", WAYS[way]), { "data-way": way }),
    score ? stars(score) : make("p", "word", WORDS[result?.status ?? state]),
    best.length ? set(make("ul", "labels", ...best), { "aria-label": "Best labels" }) : "");
}

// The stars have the fraction, too; a screen reader hears the number.
function stars(score) {
  const drawn = set(make("span", "stars", "★★★★★"), { "aria-hidden": "true" });
  drawn.style.setProperty("--share", `${score * 20}%`);
  return make("p", "score", drawn, make("b", "", score.toFixed(1)), " of 5");
}

function labels(result) {
  return Object.values(result?.inference ?? {}).find((output) => output.labels)?.labels ?? [];
}
