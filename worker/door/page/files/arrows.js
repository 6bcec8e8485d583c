// Draws the arrows between the boxes, behind them.

const WAYS = [
  ["s3", "poll"], ["poll", "uploads"], ["uploads", "fetch"], ["client", "door"], ["door", "lane"], ["lane", "fetch"],
  ["fetch", "decode"], ["decode", "ready"], ["ready", "infer"], ["infer", "outcomes"], ["outcomes", "commit"],
  ["commit", "redis"], ["commit", "acknowledge"],
];
const HEAD = 7; // px

export function drawArrows(svg, boxes) {
  const made = [];
  for (const [from, to] of WAYS) {
    const [one, other] = [boxes.frame(from), boxes.frame(to)];
    if (one && other) made.push(...arrow(...ends(one, other)));
  }
  svg.replaceChildren(...made);
}

// Where the line between the middles of two boxes leaves the one and enters the other.
function ends(from, to) {
  const [a, b] = [middle(from), middle(to)];
  return [edge(from, a, b), edge(to, b, a)];
}

function middle([left, top, width, height]) {
  return [left + width / 2, top + height / 2];
}

function edge([, , width, height], [x, y], [towardsX, towardsY]) {
  const [dx, dy] = [towardsX - x, towardsY - y];
  const scale = Math.min(width / 2 / Math.abs(dx || 1e-9), height / 2 / Math.abs(dy || 1e-9));
  return [x + dx * scale, y + dy * scale];
}

function arrow([x1, y1], [x2, y2]) {
  const length = Math.hypot(x2 - x1, y2 - y1) || 1;
  const [ux, uy] = [(x2 - x1) / length, (y2 - y1) / length];
  const [bx, by] = [x2 - ux * HEAD, y2 - uy * HEAD];
  const side = [(-uy * HEAD) / 2, (ux * HEAD) / 2];
  const head = `M${x2},${y2}L${bx + side[0]},${by + side[1]}L${bx - side[0]},${by - side[1]}Z`;
  return [path(`M${x1},${y1}L${bx},${by}`, ""), path(head, "head")];
}

function path(data, name) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", "path");
  made.setAttribute("d", data);
  made.setAttribute("class", name);
  return made;
}
