// Tells a screen reader of results: one in full, many as a sum, and never more often than every few seconds.
import { write } from "../page/boxes.js";
import { stream } from "../page/main.js";
import { ENDS, byId } from "./shared.js";

const PAUSE = 4000; // ms
const awaited = new Set(); // photos seen on their way: what is told at a connection is no news
let ended = [];
let timer;

stream.on("photo", (photo) => {
  if (photo.state === "sent") awaited.add(photo.id);
  else if (awaited.delete(photo.id)) {
    ended.push(photo);
    timer ??= setTimeout(say, PAUSE / 4);
  }
});

function say() {
  timer = ended.length ? setTimeout(say, PAUSE) : undefined;
  const ends = Object.groupBy(ended, ({ state, result }) => ENDS[result?.status ?? state]);
  const sums = Object.entries(ends).map(([end, { length }]) => `${length} ${end}`).join(", ");
  if (ended.length) write(byId("said"), ended.length === 1 ? one(ended[0]) : `${ended.length} photos: ${sums}`);
  ended = [];
}

function one({ number, result, dead }) {
  const trouble = dead?.reason ?? result.error?.message;
  const score = result?.score_mean;
  return `Photo ${number}: ${trouble ?? (score ? `${score.toFixed(1)} of 5` : "probably not food")}`;
}
