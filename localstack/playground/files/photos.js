// Keeps the cards of the newest photos, newest first. A few are made per frame, so that a burst stays smooth.
import { make, number, write } from "../page/boxes.js";
import { stream } from "../page/main.js";
import { contents } from "./card.js";
import { byId, set } from "./shared.js";

const MOST = 1000; // cards
const BUDGET = 4; // ms a frame
const PAUSE = 10; // ms for each card of a change of the list, until the next: it is laid out and painted anew
const LONGEST = 5000; // ms of a pause, beyond 50 photos a second

const cards = new Map(); // id → {element, news, number, hash}
const waiting = new Map(); // id → the newest that was heard of it
let made = new Map(); // element → [its dataset, what will stand in it]
let next = 0; // when the list may change
let isScheduled = false;

stream.on("photo", (photo) => {
  waiting.set(photo.id, photo);
  if (waiting.size > MOST) waiting.delete(waiting.keys().next().value); // a hidden tab draws nothing
  schedule();
});

function schedule() {
  if (isScheduled || waiting.size + made.size === 0) return;
  isScheduled = true;
  requestAnimationFrame(draw);
}

function draw(now) {
  isScheduled = false;
  const end = performance.now() + BUDGET;
  for (const id of waiting.keys()) {
    take(id);
    if (performance.now() > end) break;
  }
  if (now >= next) change(now);
  schedule();
}

// An original before its copies, which link to it.
function take(id) {
  const photo = waiting.get(id);
  if (!waiting.delete(id)) return;
  const originalId = photo.result?.duplicate_of?.image_id;
  take(originalId);
  prepare(photo, originalId);
}

function prepare(photo, originalId) {
  const known = cards.get(photo.id);
  const news = `${photo.state} ${photo.result?.scored_at}`;
  if (known?.news === news) return; // told again after a reconnection
  const element = known?.element ?? set(make("li"), { id: `photo-${photo.id}` });
  cards.set(photo.id, { element, news, number: photo.number, hash: photo.result?.image_hash });
  const data = { state: photo.state, way: photo.way, number: photo.number };
  made.set(element, [data, contents(photo, cards.get(originalId))]);
}

function change(now) {
  next = now + Math.min(LONGEST, PAUSE * made.size);
  for (const [element, [data, children]] of made) {
    Object.assign(element.dataset, data);
    element.replaceChildren(...children);
  }
  const fresh = [...made.keys()].filter((element) => !element.parentElement);
  byId("photos").prepend(...fresh.sort((one, other) => other.dataset.number - one.dataset.number));
  made = new Map();
  forgetOldest();
  byId("no-photos").hidden = cards.size > 0;
  write(byId("shown"), `${number(cards.size)} shown, newest first`);
}

function forgetOldest() {
  for (const [id, { element }] of cards) {
    if (cards.size <= MOST) return;
    element.remove();
    cards.delete(id);
  }
}
