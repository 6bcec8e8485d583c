// Says whether the worker is up, and whether this page hears of it.
import { write } from "../page/boxes.js";
import { stream } from "../page/main.js";
import { byId } from "./shared.js";

byId("connection").hidden = true; // it would say the same less exactly
document.querySelector("main").prepend(byId("bar"));
const show = (state, says) => {
  document.body.dataset.worker = byId("state").dataset.state = state;
  write(byId("state"), says); // a screen reader hears changes only
};
let known;
show("starting", "connecting …");
stream.on("worker", ({ state, says, run }) => {
  if (run !== (known ??= run)) location.reload(); // `make run` is another one: this page is of the last
  show(state, says);
});
stream.on("lost", () => show("lost", "No connection; was make run stopped? Trying again …"));
