// Joins the parts of the page: what the stream tells goes to the drawing, the dots and the tables.
import { drawArrows } from "./arrows.js";
import { Boxes, write } from "./boxes.js";
import { Dots } from "./dots.js";
import { showFigures } from "./figures.js";
import { listen } from "./stream.js";

const PHASES = { open: "connected", starting: "the worker is starting: it loads its models" };

const pipeline = document.getElementById("pipeline");
const boxes = new Boxes(pipeline);
const resized = new ResizeObserver(() => {
  boxes.measure();
  drawArrows(pipeline.querySelector("path"), boxes);
});
for (const one of [pipeline, ...pipeline.querySelectorAll("[data-place]")]) resized.observe(one);
const dots = new Dots(document.getElementById("dots"), boxes);
const connection = document.getElementById("connection");

export const stream = listen("events");

stream.on("pipeline", (frame) => {
  write(connection, PHASES[frame.phase] ?? "the worker is being stopped");
  boxes.show(frame);
  dots.move(frame.moves, frame.worker);
  showFigures(frame);
});

stream.on("lost", (why) => {
  write(connection, why);
  boxes.clear();
  dots.clear();
});
