// Runs docs/clients/photo-scores.mjs, as driver.py runs its sister.
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { setTimeout } from "node:timers/promises";
import { Results, putPhoto } from "../../../docs/clients/photo-scores.mjs";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const job = JSON.parse((await lines.next()).value);
const results = new Results(job.redis);
const say = (it) => console.log(JSON.stringify(it));
let number = 0;

async function tell([imageId, seconds, delay = 0]) {
  const own = number++;
  await setTimeout(delay * 1000);
  const begun = performance.now();
  const outcome = await results.wait(imageId, seconds * 1000).catch((error) => String(error));
  say([own, outcome, (performance.now() - begun) / 1000 - seconds]);
}

const waits = job.waits.map(tell);
await lines.next();
const etags = {};
for (const [imageId, [url, path]] of Object.entries(job.uploads)) {
  etags[imageId] = await putPhoto(url, await readFile(path));
}
waits.push(...job.late.map(tell));
say(etags);
await Promise.all(waits);
while (!(await lines.next()).done);
results.close();
