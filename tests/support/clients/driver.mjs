// Runs docs/clients/photo-scores.mjs, as driver.py runs its sister.
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { Results, putPhoto } from "../../../docs/clients/photo-scores.mjs";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const job = JSON.parse((await lines.next()).value);
const results = await Results.connect(job.redis);
const wait = ([imageId, seconds]) => results.wait(imageId, seconds * 1000).catch((error) => String(error));
const waits = job.waits.map(wait);
await lines.next();
const etags = {};
for (const [imageId, [url, path]] of Object.entries(job.uploads)) {
  etags[imageId] = await putPhoto(url, await readFile(path));
}
waits.push(...job.late.map(wait));
console.log("begun");
const outcomes = await Promise.all(waits);
console.log(JSON.stringify({ etags, outcomes }));
results.close();
process.exit();
