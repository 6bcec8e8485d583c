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
show("starting", "connecting …");
stream.on("worker", ({ state, says }) => show(state, says));
stream.on("lost", () => show("lost", "No connection to the server of this page; trying again …"));
