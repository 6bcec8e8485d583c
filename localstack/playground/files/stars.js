// Shows a score as stars, with its fraction; a screen reader hears the number.
import { make } from "./make.js";

export function stars(score) {
  const drawn = make("span", { className: "stars", ariaHidden: "true", textContent: "★★★★★" });
  drawn.style.setProperty("--share", `${(score / 5) * 100}%`);
  return make("p", { className: "score" }, drawn, make("b", { textContent: score.toFixed(1) }), " of 5");
}
