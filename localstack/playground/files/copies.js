// Links a copy or a look-alike to its original, and marks the bits in which their hashes differ.
import { make } from "../page/boxes.js";
import { drawing, set } from "./shared.js";

// `original`: {number, hash}, or undefined if it is not on this page any more.
export function copyOf({ image_id, distance, kind }, hash, original) {
  const link = original
    ? set(make("a", "original", `photo ${original.number}`), { href: `#photo-${image_id}` })
    : `photo ${image_id.slice(0, 8)}…, which is not on this page`;
  if (kind === "exact") return make("p", "copy", "The same bytes as ", link, ".");
  const [mine, other] = [bits(hash), bits(original?.hash)];
  const grids = mine.length === other.length ? make("span", "bits", grid(mine, other), grid(other, mine)) : "";
  return make("p", "copy", grids, "Looks like ", link, `: ${distance || "none"} of ${mine.length} bits differ.`);
}

// "phash-1:bb83…" as 0 and 1, row by row.
function bits(hash) {
  return [...(hash ?? "").split(":").at(-1)].flatMap((digit) => [8, 4, 2, 1].map((bit) => parseInt(digit, 16) & bit && 1));
}

function grid(shown, compared) {
  const side = Math.sqrt(shown.length);
  const squares = (isDrawn) => shown
    .map((bit, place) => (isDrawn(bit, place) ? `M${place % side} ${Math.floor(place / side)}h1v1h-1z` : "")).join("");
  return drawing(`${side} ${side}`, ["set", squares((bit) => bit)], ["unlike", squares((bit, place) => bit !== compared[place])]);
}
