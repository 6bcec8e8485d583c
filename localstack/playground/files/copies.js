// Links a copy or a look-alike to its original, and marks the bits in which their hashes differ.
import { drawing, make, paragraph } from "./make.js";

// `original`: {number, hash}, or undefined if it is not on this page any more.
export function copyOf({ image_id, distance, kind }, hash, original) {
  const link = original
    ? make("a", { className: "original", href: `#photo-${image_id}`, textContent: `photo ${original.number}` })
    : `photo ${image_id.slice(0, 8)}…, which is not on this page`;
  if (kind === "exact") return paragraph("copy", "The same bytes as ", link, ".");
  const [mine, other] = [bits(hash), bits(original?.hash)];
  const text = paragraph("copy", "Looks like ", link, `: ${distance || "none"} of ${mine.length} bits differ.`);
  if (mine.length !== other.length) return text;
  const grids = make("span", { className: "bits", ariaHidden: "true" }, grid(mine, other), grid(other, mine));
  return make("div", { className: "look-alike" }, text, grids);
}

// "phash-1:bb83…" as 0 and 1, row by row.
function bits(hash) {
  const digits = [...(hash?.split(":")[1] ?? "")];
  return digits.flatMap((digit) => [8, 4, 2, 1].map((bit) => Boolean(parseInt(digit, 16) & bit)));
}

function grid(shown, compared) {
  const side = Math.sqrt(shown.length);
  const squares = (gap, isDrawn) => {
    const width = 1 - 2 * gap;
    const square = (_, place) => `M${(place % side) + gap} ${Math.floor(place / side) + gap}h${width}v${width}h${-width}z`;
    return shown.map((bit, place) => (isDrawn(bit, place) ? square(bit, place) : "")).join("");
  };
  return drawing("svg", { viewBox: `-.3 -.3 ${side + 0.6} ${side + 0.6}` },
    drawing("path", { class: "set", d: squares(0.08, (bit) => bit) }),
    drawing("path", { class: "unlike", d: squares(-0.05, (bit, place) => bit !== compared[place]) }));
}
