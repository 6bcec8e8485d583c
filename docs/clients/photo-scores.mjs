// Waits for the results of any number of photos in one process, on one subscription to Redis. Copy it into your API.
import { createClient } from "redis";

const LOOK_AGAIN = 5_000; // ms; a connection can be dead without a word, and then nothing is heard on it
const OPTIONS = {
  disableOfflineQueue: true, // while Redis is away calls fail at once
  pingInterval: 1_000, // ms
  socket: { connectTimeout: 1_000, socketTimeout: 3_000 }, // ms; a connection without an answer is cut
};

/** Make one for as long as the API runs: `const results = await Results.connect(url)`. */
export class Results {
  #waiting = new Set(); // functions that wake those who wait

  static async connect(url, onError = console.error) {
    const results = new Results();
    results.redis = createClient({ url, ...OPTIONS });
    results.subscription = results.redis.duplicate();
    for (const client of [results.redis, results.subscription]) {
      client.on("error", onError); // it connects, and subscribes, again by itself
      client.on("ready", () => results.#waiting.forEach((wake) => wake()));
    }
    await Promise.all([results.redis.connect(), results.subscription.connect()]);
    return results;
  }

  /**
   * Return a photo's result; its `status` may be `failed`.
   * Throws after `timeout` ms; an error of Redis is the `cause` if the last look failed.
   */
  async wait(imageId, timeout = 30_000) {
    const key = `result:${imageId}`;
    const deadline = performance.now() + timeout;
    let wake = () => {};
    const heard = () => wake();
    this.#waiting.add(heard);
    try {
      for (let isSubscribed = false; ; ) {
        const reason = new Promise((resolve) => { wake = resolve; });
        let stored = null, cause;
        try {
          if (!isSubscribed) await this.subscription.subscribe(key, heard); // first
          isSubscribed = true;
          stored = await this.redis.get(key);
        } catch (error) {
          cause = error; // Redis may be back before the time is over
        }
        if (stored !== null) return JSON.parse(stored);
        const left = deadline - performance.now();
        if (left <= 0) throw new Error(`no result for ${imageId} within ${timeout} ms`, { cause });
        const timer = setTimeout(wake, Math.min(left, LOOK_AGAIN));
        await reason;
        clearTimeout(timer);
      }
    } finally {
      this.#waiting.delete(heard);
      this.subscription.unsubscribe(key, heard).catch(() => {}); // it ends with its connection, too
    }
  }

  close() {
    this.redis.destroy();
    this.subscription.destroy();
  }
}

/** PUT a photo to a presigned URL, as a phone or browser does; returns the ETag that its result's source will have. */
export async function putPhoto(url, photo) {
  const answer = await fetch(url, { method: "PUT", body: photo, headers: { "If-None-Match": "*" } });
  if (answer.status === 412) return null; // it is there already: an earlier try came through
  if (!answer.ok) throw new Error(`S3 answered ${answer.status}`);
  return answer.headers.get("ETag").replaceAll('"', "");
}
