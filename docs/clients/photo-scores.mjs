// Waits for the results of any number of photos in one process, on one subscription to Redis. Copy it into your API.
import { createClient } from "redis";

const LOOK_AGAIN = 5_000; // ms; a connection can be dead without a word, and then nothing is heard on it
const ANSWER = 2_000; // ms that Redis has for an answer
const OPTIONS = {
  disableOfflineQueue: true, // while Redis is away calls fail at once
  socket: {
    connectTimeout: 1_000, // ms
    socketTimeout: ANSWER, // ends a greeting without an answer; later each call that is written puts it off
    reconnectStrategy: (tries) => Math.min(2 ** tries * 50, 2_000) + Math.random() * 200, // also after that
  },
};

class Unanswered extends Error {}

/** Node-redis itself waits without end for an answer. */
async function within(ms, answer) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Unanswered(`Redis did not answer within ${ms} ms`)), ms);
  });
  return Promise.race([answer, late]).finally(() => clearTimeout(timer));
}

/** Make one for as long as the API runs: `const results = new Results(url)`. It connects when Redis is there. */
export class Results {
  #waiting = new Map(); // by channel, named as the result's key: functions that wake those who wait
  #wake = (_, channel) => this.#waiting.get(channel)?.forEach((wake) => wake());
  #isDeaf = false;

  constructor(url, onError = console.error) {
    this.onError = onError;
    this.redis = createClient({ url, ...OPTIONS });
    this.subscription = this.redis.duplicate();
    for (const client of [this.redis, this.subscription]) {
      client.on("error", onError); // it connects, and subscribes, again by itself
      client.on("ready", () => this.#begin());
      client.connect().catch(() => {}); // `onError` has heard of it
    }
    this.watch = setInterval(() => [this.redis, this.subscription].forEach((client) => this.#check(client)), 1_000);
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
    this.#waiting.set(key, (this.#waiting.get(key) ?? new Set()).add(heard));
    try {
      for (;;) {
        const reason = new Promise((resolve) => { wake = resolve; });
        let stored = null, cause;
        await this.#subscribe(key); // first
        try {
          stored = await within(ANSWER, this.redis.get(key));
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
      this.#waiting.get(key).delete(heard);
      this.#leave(key);
    }
  }

  close() {
    clearInterval(this.watch);
    this.redis.destroy();
    this.subscription.destroy();
  }

  /** It does nothing if the channel is subscribed to; without a subscription, looks alone find the result. */
  async #subscribe(key) {
    if (!this.subscription.isReady) return; // `#begin` wakes who waits
    try {
      await within(ANSWER, this.subscription.subscribe(key, this.#wake));
      this.#isDeaf = false;
    } catch (error) {
      if (!this.#isDeaf) this.onError(error); // once until it works again
      this.#isDeaf = true;
    }
  }

  /** Keep the channel in mind until it is unsubscribed from: node-redis subscribes again after an outage. */
  #leave(key) {
    if (this.#waiting.get(key).size > 0 || !this.subscription.isReady) return;
    const forget = () => this.#waiting.get(key)?.size === 0 && this.#waiting.delete(key);
    this.subscription.unsubscribe(key, this.#wake).then(forget, () => {});
  }

  /** A connection is there, perhaps again. */
  #begin() {
    for (const [key, wakes] of this.#waiting) {
      wakes.forEach((wake) => wake());
      this.#leave(key);
    }
  }

  /** Connect anew if nothing is answered: a dead connection can stay open for many minutes. */
  async #check(client) {
    const error = client.isReady && await within(ANSWER, client.ping()).catch((error) => error);
    if (!(error instanceof Unanswered) || !client.isReady) return;
    this.onError(error);
    client.destroy();
    client.connect().catch(() => {});
  }
}

/** PUT a photo to a presigned URL, as a phone or browser does; returns the ETag that its result's source will have. */
export async function putPhoto(url, photo) {
  const answer = await fetch(url, { method: "PUT", body: photo, headers: { "If-None-Match": "*" } });
  if (answer.status === 412) return null; // it is there already: an earlier try came through
  if (!answer.ok) throw new Error(`S3 answered ${answer.status}`); // 409: another try is under way, send it again
  return answer.headers.get("ETag").replaceAll('"', "");
}
