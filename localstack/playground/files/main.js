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
const [faults, samples] = await Promise.all([
  ask("faults", { method: "GET", what: "Faults" }),
  ask("samples", { method: "GET", what: "Samples" }),
]);
showFaults(faults ?? []);
showSamples(samples ?? []);
