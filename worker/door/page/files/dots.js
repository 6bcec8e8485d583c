// Draws photos as dots that move from box to box as the photos do.

const WAYS = { queue: ["s3", "uploads", "redis"], http: ["client", "lane", "client"] }; // begin, go, end
const STEPS = new Set(["arrived", "held", "fetch", "decode", "ready", "infer", "commit"]);
const UNDONE = new Set(["released", "returned", "abandoned"]);
const TRAVEL = 180; // ms from one box to the next
const LINGER = 500; // ms that a dot stays at its end
const LONGEST = 120_000; // ms without a step: it is not heard of any more

export class Dots {
  #canvas; #boxes; #pen; #dots = new Map(); #worker = null; #isDrawing = false; #isSeen = true; #looks = {};
  #still = matchMedia("(prefers-reduced-motion: reduce)");

  constructor(canvas, boxes) {
    this.#canvas = canvas;
    this.#boxes = boxes;
    this.#pen = canvas.getContext("2d");
    new IntersectionObserver(([one]) => { this.#isSeen = one.isIntersecting; }).observe(canvas);
    new ResizeObserver(() => this.#fit()).observe(canvas.parentElement);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#fit());
    this.#fit();
  }

  move(moves, worker) {
    if (worker !== this.#worker) this.clear(); // another process: its numbers begin anew
    this.#worker = worker;
    const now = performance.now();
    const latest = Math.max(0, ...moves.map(([, , , ago]) => ago));
    for (const [id, way, step, ago] of moves) {
      this.#step(id, way, step, now + (latest - ago) * 1000);
    }
    this.#draw();
  }

  clear() {
    this.#dots.clear();
  }

  // Each dot keeps the places it has yet to go to, with the times at which it sets off.
  #step(id, way, step, at) {
    const [from, to, end] = WAYS[way];
    if (!this.#dots.has(id)) {
      if (!STEPS.has(step)) return; // its way began before we looked
      const offset = [((id * 37) % 81) - 40, ((id * 7) % 19) - 9]; // px, so that few dots cover one another
      this.#dots.set(id, { offset, from, to, left: at, ahead: [], heard: at, look: way });
      if (step === "arrived") return;
    }
    const dot = this.#dots.get(id);
    dot.heard = at;
    if (STEPS.has(step)) dot.ahead.push({ at, place: step === "held" ? "fetch" : step });
    else if (UNDONE.has(step)) dot.ahead.push({ at, place: from, end: "back" });
    else dot.ahead.push({ at, place: end, end: step === "failed" ? "bad" : "good" });
  }

  #draw() {
    if (this.#isDrawing || this.#dots.size === 0) return;
    this.#isDrawing = true;
    requestAnimationFrame((now) => this.#frame(now));
  }

  #frame(now) {
    this.#isDrawing = false;
    this.#pen.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
    for (const [id, dot] of this.#dots) {
      if (!this.#advance(dot, now)) this.#dots.delete(id);
      else if (this.#isSeen) this.#paint(dot, this.#boxes.gathering(dot.from), this.#boxes.gathering(dot.to), now);
    }
    this.#draw();
  }

  // Let a dot set off for its next place when it has arrived and the time has come. False once it is gone.
  #advance(dot, now) {
    while (dot.ahead.length && now >= dot.ahead[0].at && now >= dot.left + (this.#still.matches ? 0 : TRAVEL)) {
      const next = dot.ahead.shift();
      [dot.from, dot.to, dot.left] = [dot.to, next.place, now];
      if (next.end) dot.end = dot.look = next.end;
    }
    const stays = dot.end ? TRAVEL + LINGER : LONGEST;
    return now - (dot.end ? dot.left : dot.heard) < stays;
  }

  #paint(dot, from, to, now) {
    const passed = this.#still.matches ? 1 : Math.min(1, Math.max(0, (now - dot.left) / TRAVEL));
    const eased = passed * (2 - passed);
    const x = from[0] + (to[0] - from[0]) * eased + dot.offset[0];
    const y = from[1] + (to[1] - from[1]) * eased + dot.offset[1];
    this.#pen.beginPath();
    this.#pen.arc(x, y, 5, 0, 2 * Math.PI);
    const { colour, mark, ground } = this.#looks[dot.look];
    this.#pen.fillStyle = colour;
    this.#pen.fill();
    this.#pen.fillStyle = ground;
    this.#pen.fillText(mark, x, y);
  }

  #fit() {
    const { offsetWidth: width, offsetHeight: height } = this.#canvas.parentElement;
    const scale = devicePixelRatio || 1;
    [this.#canvas.width, this.#canvas.height] = [width * scale, height * scale];
    this.#pen.setTransform(scale, 0, 0, scale, 0, 0);
    Object.assign(this.#pen, { font: "700 8px sans-serif", textAlign: "center", textBaseline: "middle" });
    for (const one of document.querySelectorAll("[data-dot]")) {
      const { backgroundColor: colour, color: ground } = getComputedStyle(one, "::before");
      this.#looks[one.dataset.dot] = { colour, ground, mark: one.dataset.mark ?? "" };
    }
  }
}
