// Lists the dead letters with what is wrong, and sends them again.
import { make } from "../page/boxes.js";
import { stream } from "../page/main.js";
import { ask } from "./ask.js";
import { byId } from "./shared.js";

const PAUSE = 1000; // ms between two looks
let known = 0;
let timer;

stream.on("account", ({ dead }) => {
  if (dead !== known) look();
  known = dead;
});
byId("redrive").addEventListener("click", async () => {
  await ask("dead-letters/redrive", { what: "Sending again" });
  look();
});

function look() {
  timer ??= setTimeout(async () => {
    timer = undefined;
    show((await ask("dead-letters", { method: "GET", what: "Dead letters" })) ?? []);
  }, PAUSE);
}

function show(letters) {
  byId("letters").replaceChildren(...letters.map(entry));
  byId("no-letters").hidden = letters.length > 0;
}

function entry({ key, reason, body, receives }) {
  const which = make("bdi", "", key ?? "a message without a photo");
  return make("li", "", make("b", "", reason), make("p", "", which, `, received ${receives} times`),
    make("code", "", body));
}
