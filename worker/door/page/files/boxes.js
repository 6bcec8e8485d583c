// Fills the boxes of the pipeline: how much each queue holds, what runs, what waits.

const QUEUES = { uploads: "uploads", door: "lane", ready: "ready", outcomes: "outcomes", acknowledge: "acknowledge" };

export class Boxes {
  #boxes = new Map();
  #batch;

  constructor(pipeline) {
    for (const box of pipeline.querySelectorAll("[data-place]")) {
      this.#boxes.set(box.dataset.place, box);
      if (box.classList.contains("queue")) box.append(bar(), fill());
    }
    this.#batch = this.#boxes.get("infer").querySelector(".batch");
  }

  // Left, top, width and height of a box, in pixels of the drawing; null if it is hidden.
  frame(place) {
    const box = this.#boxes.get(place);
    return box.hidden ? null : [box.offsetLeft, box.offsetTop, box.offsetWidth, box.offsetHeight];
  }

  // Where dots gather in a box: below its text.
  gathering(place) {
    const [left, top, width, height] = this.frame(place) ?? [0, 0, 0, 0];
    return [left + width / 2, top + height - 18];
  }

  show(frame) {
    for (const [queue, place] of Object.entries(QUEUES)) {
      const [items, places] = frame.queues[queue] ?? [0, 0];
      const box = this.#boxes.get(place);
      box.hidden = places === 0;
      box.querySelector(".bar").style.setProperty("--fill-share", places ? Math.min(1, items / places) : 0);
      write(box.querySelector(".fill"), `${items} of ${places}`);
    }
    this.#boxes.get("s3").hidden = this.#boxes.get("poll").hidden = !frame.queues.uploads?.[1];
    this.#boxes.get("client").hidden = this.#boxes.get("door").hidden = !frame.queues.door?.[1];
    this.#showBatch(frame.batches, frame.largest_batch);
    const running = frame.batches.reduce((sum, size) => sum + size, 0);
    const figures = { leases: frame.leases, requests: frame.requests, batch: running };
    figures.waiting_for_s3 = frame.queues.waiting_for_s3?.[0] ?? 0;
    for (const [name, value] of Object.entries(figures)) {
      write(document.querySelector(`[data-figure="${name}"]`), String(value));
    }
    for (const [place, box] of this.#boxes) {
      box.classList.toggle("away", frame.outages.some((one) => PARTS[one.part] === place));
    }
  }

  clear() {
    for (const box of this.#boxes.values()) box.classList.remove("away");
    this.#showBatch([], 0);
  }

  // A square for each place of the batches, full where a photo is.
  #showBatch(batches, largest) {
    const wanted = batches.flatMap((size) => Array.from({ length: largest }, (_, place) => place < size));
    while (this.#batch.children.length > wanted.length) this.#batch.lastChild.remove();
    while (this.#batch.children.length < wanted.length) this.#batch.append(document.createElement("i"));
    wanted.forEach((isFull, place) => this.#batch.children[place].classList.toggle("full", isFull));
  }
}

const PARTS = { Redis: "redis", S3: "s3", SQS: "s3", "the model": "infer" };

function bar() {
  const made = document.createElement("p");
  made.className = "bar";
  made.ariaHidden = "true";
  return made;
}

function fill() {
  const made = document.createElement("p");
  made.className = "fill";
  return made;
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
