// Links a copy or a look-alike to its original, and marks the bits in which their hashes differ.
import { drawing, make } from "./make.js";

// `original`: {number, hash}, or undefined if it is not on this page any more.
export function copyOf({ image_id, distance, kind }, hash, original) {
  const name = original ? `photo ${original.number}` : `photo ${image_id.slice(0, 8)}, which is not on this page`;
  const link = original ? make("a", { className: "original", href: `#photo-${image_id}`, textContent: name }) : name;
  if (kind === "exact") return make("p", { className: "copy" }, "The same bytes as ", link, ".");
  const [mine, other] = [bits(hash), bits(original?.hash)];
  const size = mine.length || 64;
  const words = distance === 0 ? `no bit of ${size} differs` : `${distance} of ${size} bits ${distance === 1 ? "differs" : "differ"}`;
  const text = make("p", { className: "copy" }, "Looks like ", link, `: ${words}.`);
  if (mine.length !== other.length || !mine.length) return text;
  const grids = make("span", { className: "bits", ariaHidden: "true" }, grid(mine, other), grid(other, mine));
  return make("div", { className: "look-alike" }, text, grids);
}

// "phash-1:bb83…" as a string of 0 and 1, row by row.
function bits(hash) {
  return [...(hash?.split(":")[1] ?? "")].map((digit) => parseInt(digit, 16).toString(2).padStart(4, "0")).join("");
}

function grid(shown, compared) {
  const side = Math.sqrt(shown.length);
  const paths = { set: "", unlike: "" };
  [...shown].forEach((bit, place) => {
    const square = (gap) => {
      const [x, y, width] = [(place % side) + gap, Math.floor(place / side) + gap, 1 - 2 * gap];
      return `M${x} ${y}h${width}v${width}h${-width}z`;
    };
    if (bit === "1") paths.set += square(0.08);
    if (bit !== compared[place]) paths.unlike += square(-0.05);
  });
  return drawing("svg", { viewBox: `-.3 -.3 ${side + 0.6} ${side + 0.6}` },
    ...Object.entries(paths).map(([name, d]) => drawing("path", { d, class: name })));
}
