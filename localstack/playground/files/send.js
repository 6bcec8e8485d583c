// Sends photos: chosen, dropped, pasted, taken with a camera, samples, or a burst.
import { make, write } from "../page/boxes.js";
import { ask, complain } from "./ask.js";
import { byId, set } from "./shared.js";

const AT_ONCE = 4; // uploads
const waiting = [];
let running = 0;

for (const input of [byId("choose"), byId("camera")]) {
  input.addEventListener("change", () => {
    send(input.files);
    input.value = ""; // so that the same photo can be chosen again
  });
}
document.addEventListener("paste", (event) => send(event.clipboardData.files));
for (const type of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(type, (event) => {
    event.preventDefault();
    document.body.classList.toggle("dropping", type === "dragover");
  });
}
document.addEventListener("drop", ({ dataTransfer: { files } }) => {
  if (files.length) send(files);
  else complain("Dropped", "That is no file. Save the photo first, then drop it.");
});
byId("samples").addEventListener("click", ({ target }) => {
  const { sample } = target.dataset;
  if (sample) ask(`samples/${encodeURIComponent(sample)}?way=${chosenWay()}`, { what: target.textContent });
});
byId("burst-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const way = byId("burst-mixed").checked ? "mixed" : chosenWay();
  ask(`burst?n=${byId("burst-size").value}&way=${way}`, { what: "The burst" });
});

export function showSamples(samples) {
  byId("samples").prepend(...samples.map(({ name, title }) => set(make("button", "", title), { "data-sample": name })));
}

function chosenWay() {
  return document.querySelector("[name=way]:checked").value;
}

function send(files) {
  const way = chosenWay();
  for (const file of files) waiting.push({ file, way });
  for (const _ of waiting.slice(0, AT_ONCE - running)) upload();
}

async function upload() {
  running += 1;
  while (waiting.length) {
    showWaiting();
    const { file, way } = waiting.shift();
    const name = file.name || "pasted photo";
    await ask(`photos?way=${way}&name=${encodeURIComponent(name)}`, { body: file, what: name });
  }
  running -= 1;
  showWaiting();
}

function showWaiting() {
  write(byId("sending"), waiting.length + running ? "Sending …" : "");
}
