// Fills the card of a photo.
import { copyOf } from "./copies.js";
import { ledger } from "./ledger.js";
import { WAYS, duration, make, paragraph } from "./make.js";

const WORDS = { sent: "on its way …", unrecognised: "probably not food", failed: "cannot be scored", dead: "a dead letter" };

// What stands in a card. `original`: of which this is a copy, if it is here; `hasPicture`: whether to load it.
export function contents(photo, original, hasPicture) {
  const { dead, result, ms } = photo;
  const { error, tip, image_hash: hash, duplicate_of: copied, timings_ms: timings } = result ?? {};
  return [
    make("div", { className: "top" }, hasPicture ? picture(photo) : null, head(photo)),
    dead && paragraph("error", dead.reason),
    error && paragraph("error", make("code", {}, error.code), " ", make("bdi", {}, error.message)),
    tip && paragraph("tip", tip.text),
    copied && copyOf(copied, hash, original),
    timings && ledger(timings),
    result && paragraph("foot", hash && make("code", {}, hash), ms && `answer after ${duration(ms)}`),
  ].filter(Boolean);
}

function picture({ id, number, result }) {
  const alt = [`Photo ${number}`, labels(result)[0]?.name].filter(Boolean).join(", ");
  const image = make("img", { className: "picture", loading: "lazy", alt });
  image.addEventListener("error", () => image.remove());
  image.src = `thumbnails/${encodeURIComponent(id)}`;
  return image;
}

function head({ number, name, way, state, result }) {
  const score = result?.score_mean;
  const best = labels(result).slice(0, 3).map(({ name, probability }) =>
    make("li", {}, make("bdi", {}, name), " ", make("b", {}, `${Math.round(probability * 100)}%`)));
  return make("div", { className: "head" },
    make("h3", {}, `Photo ${number} `, make("small", {}, name)),
    make("p", { className: "chip", data: { way } }, WAYS[way]),
    score ? stars(score) : paragraph("word", WORDS[result?.status ?? state]),
    best.length ? make("ul", { className: "labels", ariaLabel: "Best labels" }, ...best) : null);
}

// The stars have the fraction, too; a screen reader hears the number.
function stars(score) {
  const drawn = make("span", { className: "stars", ariaHidden: "true" }, "★★★★★");
  drawn.style.setProperty("--share", `${score * 20}%`);
  return paragraph("score", drawn, make("b", {}, score.toFixed(1)), " of 5");
}

function labels(result) {
  return Object.values(result?.inference ?? {}).find((output) => output.labels)?.labels ?? [];
}
