// Joins the parts of the playground to the stream of the page.
import { stream } from "../page/main.js";
import { showAccount } from "./account.js";
import { ask } from "./ask.js";
import { followFaults, showFaults } from "./faults.js";
import { showLetters } from "./letters.js";
import { showPhotos } from "./photos.js";
import { sayResults } from "./said.js";
import { offerToSend, showSamples } from "./send.js";
import { showState } from "./state.js";
import { showTimes } from "./times.js";

showState(stream);
showAccount(stream);
followFaults(stream);
showLetters(stream);
showPhotos(stream);
sayResults(stream);
showTimes(stream);
offerToSend();

// What can be broken and sent is known once the worker is up.
let isAsked = false;
stream.on("worker", async ({ state }) => {
  if (isAsked || state !== "up") return;
  isAsked = true;
  showFaults((await ask("faults", { method: "GET", what: "Faults" })) ?? []);
  showSamples((await ask("samples", { method: "GET", what: "Samples" })) ?? []);
});
