// Tells a screen reader of results: one in full, many as a sum, and never more often than every few seconds.
import { ENDS, byId, write } from "./make.js";

const PAUSE = 4000; // ms
const awaited = new Set(); // photos seen on their way: what is told at a connection is no news
let ended = [];
let timer;

export function sayResults(stream) {
  stream.on("photo", (photo) => {
    if (photo.state === "sent") awaited.add(photo.id);
    else if (awaited.delete(photo.id)) {
      ended.push(photo);
      timer ??= setTimeout(say, PAUSE / 4);
    }
  });
}

function say() {
  timer = ended.length ? setTimeout(say, PAUSE) : undefined;
  if (ended.length) write(byId("said"), ended.length === 1 ? one(ended[0]) : many());
  ended = [];
}

function one({ number, result, dead }) {
  const trouble = dead?.reason ?? result.error?.message;
  if (trouble) return `Photo ${number} has no score: ${trouble}`;
  const score = result.score_mean ?? null;
  return `Photo ${number}: ${score === null ? "probably not food" : `${score.toFixed(1)} of 5`}`;
}

function many() {
  const counts = Object.groupBy(ended, ({ state, result }) => ENDS[result?.status ?? state]);
  return `${ended.length} photos: ${Object.entries(counts).map(([end, { length }]) => `${length} ${end}`).join(", ")}`;
}
