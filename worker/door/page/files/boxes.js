// Fills the boxes of the pipeline: how much each queue holds, what runs, what waits.

// Each queue's box, and the box before it, which waits while the queue is full.
const QUEUES = {
  uploads: ["uploads", "poll"], door: ["lane", "door"], ready: ["ready", "decode"], outcomes: ["outcomes", "infer"],
  acknowledge: ["acknowledge", "commit"],
};
const WAYS = { uploads: ["s3", "poll", "uploads"], door: ["client", "door", "lane"] }; // by their first queue
const PARTS = { Redis: "redis", S3: "s3", SQS: "s3", "the model": "infer" };
const MOST_SQUARES = 64; // beyond these, a bar

export class Boxes {
  #boxes = new Map(); #frames = new Map();
  #pipeline; #batch; #lease; #squares;

  constructor(pipeline) {
    for (const box of pipeline.querySelectorAll("[data-place]")) {
      this.#boxes.set(box.dataset.place, box);
      box.style.setProperty("--area", box.dataset.place);
      if (box.classList.contains("queue")) box.append(make("p", "bar"), make("p", "fill"));
    }
    for (const { style, dataset } of pipeline.querySelectorAll("[data-stage]")) style.gridArea = dataset.stage;
    this.#pipeline = pipeline;
    [this.#batch, this.#lease] = pipeline.querySelectorAll(".batch, .lease");
  }

  // Left, top, width and height of a box, in pixels of the drawing; null if it is hidden.
  frame(place) {
    return this.#frames.get(place) ?? null;
  }

  // Where all boxes are, until one of them changes its size: to ask for each dot takes a layout each.
  measure() {
    this.#frames.clear();
    for (const [place, box] of this.#boxes) {
      if (!box.hidden) this.#frames.set(place, [box.offsetLeft, box.offsetTop, box.offsetWidth, box.offsetHeight]);
    }
  }

  // Where dots gather in a box: below its text.
  gathering(place) {
    const [left, top, width, height] = this.frame(place) ?? [0, 0, 0, 0];
    return [left + width / 2, top + height - 18];
  }

  show(frame) {
    this.#showWays(frame.queues);
    for (const [queue, [place, before]] of Object.entries(QUEUES)) this.#showQueue(frame.queues[queue], place, before);
    const { leases, requests, batches, largest_batch: largest } = frame;
    const batch = batches.reduce((sum, size) => sum + size, 0);
    const waiting = frame.queues.waiting_for_s3?.[0] ?? 0;
    const figures = { leases, requests, batch, places: largest * batches.length, waiting_for_s3: waiting };
    for (const one of this.#pipeline.querySelectorAll("[data-figure]")) write(one, number(figures[one.dataset.figure]));
    this.#showBatch(batches, largest, batch);
    for (const [place, box] of this.#boxes) {
      box.classList.toggle("away", frame.outages.some((one) => PARTS[one.part] === place));
    }
  }

  clear() {
    for (const box of this.#boxes.values()) box.classList.remove("away", "waits", "full");
    this.#showBatch([], 0, 0);
  }

  // A worker may have one way in alone; it tells once its models are loaded.
  #showWays(queues) {
    const open = Object.keys(WAYS).filter((way) => queues[way]?.[1]);
    const isOnly = open.length === 1;
    for (const [way, places] of Object.entries(WAYS)) {
      for (const box of places.map((place) => this.#boxes.get(place))) {
        box.hidden = isOnly && way !== open[0];
        box.classList.toggle("only", isOnly);
      }
    }
    const hasLeases = !isOnly || open[0] === "uploads";
    this.#boxes.get("acknowledge").hidden = this.#lease.hidden = !hasLeases;
    this.#boxes.get("commit").classList.toggle("only", !hasLeases);
  }

  #showQueue([items, places] = [0, 0], place, before) {
    const box = this.#boxes.get(place);
    const isFull = items > 0 && items >= places;
    box.querySelector(".bar").style.setProperty("--share", Math.min(1, items / places || 0));
    box.classList.toggle("full", isFull);
    this.#boxes.get(before).classList.toggle("waits", isFull);
    write(box.querySelector(".fill"), places ? `${number(items)} of ${number(places)}` : "–");
  }

  // A square for each place of a batch, full where a photo is; one bar where these would be too many.
  #showBatch(batches, largest, running) {
    const places = batches.length * largest;
    const wanted = places > MOST_SQUARES ? [] : batches.map(() => largest);
    if (this.#squares !== wanted.join()) {
      this.#squares = wanted.join();
      this.#batch.replaceChildren(...wanted.map(() => make("span", "squares", ...squares(largest))));
    }
    this.#batch.classList.toggle("bar", places > MOST_SQUARES);
    this.#batch.style.setProperty("--share", running / places || 0);
    [...this.#batch.children].forEach((one, replica) => {
      [...one.children].forEach((square, place) => square.classList.toggle("full", place < batches[replica]));
    });
  }
}

function squares(count) {
  return Array.from({ length: count }, () => make("i"));
}

export function make(kind, name = "", ...parts) {
  const made = document.createElement(kind);
  made.className = name;
  made.append(...parts);
  return made;
}

export const number = new Intl.NumberFormat("en").format;

export function write(element, text) {
  if (element.textContent !== text) element.textContent = text; // a screen reader hears changes only
}
