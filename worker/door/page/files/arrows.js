// Draws the arrows between the boxes, behind them.

const WAYS = [
  "s3 poll uploads fetch decode ready infer outcomes commit redis", "client door lane fetch", "commit acknowledge",
].map((way) => way.split(" "));
const HEAD = 6; // px

export function drawArrows(path, boxes) {
  const arrows = WAYS.flatMap((way) => way.slice(1).map((to, number) => [way[number], to]));
  const frames = arrows.map((ends) => ends.map((place) => boxes.frame(place)));
  path.setAttribute("d", frames.filter(([from, to]) => from && to).map(arrow).join(""));
}

// From where the line between the middles of two boxes leaves the one to where it enters the other.
function arrow([from, to]) {
  const [a, b] = [middle(from), middle(to)];
  const [[x1, y1], [x2, y2]] = [edge(from, a, b), edge(to, b, a)];
  const length = Math.hypot(x2 - x1, y2 - y1) / HEAD || 1;
  const [ux, uy] = [(x2 - x1) / length, (y2 - y1) / length];
  const [bx, by] = [x2 - ux, y2 - uy];
  return `M${x1},${y1}L${x2},${y2}M${bx - uy / 2},${by + ux / 2}L${x2},${y2}L${bx + uy / 2},${by - ux / 2}`;
}

function middle([left, top, width, height]) {
  return [left + width / 2, top + height / 2];
}

function edge([, , width, height], [x, y], [towardsX, towardsY]) {
  const [dx, dy] = [towardsX - x, towardsY - y];
  const scale = Math.min(width / 2 / Math.abs(dx || 1e-9), height / 2 / Math.abs(dy || 1e-9));
  return [x + dx * scale, y + dy * scale];
}
