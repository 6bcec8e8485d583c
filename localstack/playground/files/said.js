// Tells a screen reader of results: one in full, many as a summary, and never more often than every few seconds.
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
      timer ??= setTimeout(say, ended.length > 1 ? PAUSE : PAUSE / 4);
    }
  });
}

function say() {
  write(byId("said"), ended.length === 1 ? one(ended[0]) : many());
  ended = [];
  timer = setTimeout(() => {
    timer = undefined;
    if (ended.length) say();
  }, PAUSE);
}

function one({ number, result, dead }) {
  if (dead) return `Photo ${number} is a dead letter: ${dead.reason}`;
  if (result.error) return `Photo ${number} cannot be scored: ${result.error.message}`;
  return `Photo ${number}: ${result.score_mean == null ? "probably not food" : `${result.score_mean.toFixed(1)} of 5`}`;
}

function many() {
  const counts = new Map();
  for (const { state, result } of ended) {
    const end = ENDS[result?.status ?? state];
    counts.set(end, (counts.get(end) ?? 0) + 1);
  }
  return `${ended.length} photos: ${[...counts].map(([end, count]) => `${count} ${end}`).join(", ")}`;
}
