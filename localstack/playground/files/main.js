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
stream.on("worker", load);

// What can be sent and broken; asked for again until it is known.
let isLoaded = false;
async function load() {
  if (isLoaded) return;
  const [faults, samples] = await Promise.all(["faults", "samples"].map((path) => ask(path, { method: "GET" })));
  if (isLoaded || !faults || !samples) return;
  isLoaded = true;
  showFaults(faults);
  showSamples(samples);
}
