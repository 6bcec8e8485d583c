// Joins the parts of the playground. Each listens to the stream of the page by itself.
import { stream } from "../page/main.js";
import "./account.js";
import { ask } from "./ask.js";
import { showFaults } from "./faults.js";
import "./letters.js";
import "./photos.js";
import "./said.js";
import { showSamples } from "./send.js";
import "./state.js";
import "./times.js";

// What can be broken and sent is known once the worker is up.
let isAsked = false;
stream.on("worker", async ({ state }) => {
  if (isAsked || state !== "up") return;
  isAsked = true;
  const faults = await ask("faults", { method: "GET", what: "Faults" });
  const samples = faults && await ask("samples", { method: "GET", what: "Samples" });
  isAsked = Boolean(samples); // else once more
  if (!samples) return;
  showFaults(faults);
  showSamples(samples);
});
