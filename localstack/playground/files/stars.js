// Shows a score as stars, with its fraction; a screen reader hears the number.
import { make, paragraph } from "./make.js";

export function stars(score) {
  const drawn = make("span", { className: "stars", ariaHidden: "true", textContent: "★★★★★" });
  drawn.style.setProperty("--share", `${(score / 5) * 100}%`);
  return paragraph("score", drawn, make("b", {}, score.toFixed(1)), " of 5");
}
