// Joins the parts of the page: what the stream tells goes to the drawing, the dots and the tables.
import { drawArrows } from "./arrows.js";
import { Boxes } from "./boxes.js";
import { Dots } from "./dots.js";
import { showFigures } from "./figures.js";
import { listen } from "./stream.js";

const boxes = new Boxes(document.getElementById("pipeline"));
const pipeline = document.getElementById("pipeline");
new ResizeObserver(() => drawArrows(document.getElementById("arrows"), boxes)).observe(pipeline);
const dots = new Dots(document.getElementById("dots"), boxes);
const connection = document.getElementById("connection");

function say(text) {
  if (connection.textContent !== text) connection.textContent = text; // a screen reader hears changes only
}

export const stream = listen("events");

stream.on("pipeline", (frame) => {
  say(frame.phase === "open" ? "connected" : `the worker is ${frame.phase}`);
  boxes.show(frame);
  dots.move(frame.moves, frame.worker);
  showFigures(frame);
});

stream.on("lost", () => {
  say("the worker is away; trying to connect again");
  boxes.clear();
  dots.clear();
});
