// Listens to server-sent events, and connects again for as long as it takes.

const SILENCE = 5000; // ms without an event: the connection is dead, whatever the browser thinks
const RETRY = 1; // seconds until the next try, unless the server names others
const AWAY = "the worker is away; trying to connect again";
const REFUSALS = {
  401: "the password is not one of the worker’s tokens: load the page again",
  429: "as many look on as may; waiting for a place",
};

// `on(name, handle)`: what is done at an event of this name. The event `lost` tells in words why there are none.
export function listen(url) {
  const handlers = [];
  let source, last, told;

  function lose(why) {
    if (told === why) return;
    told = why;
    for (const [name, handle] of handlers) if (name === "lost") handle(why);
  }

  function take(handle) {
    return (event) => {
      last = performance.now();
      told = "";
      handle(JSON.parse(event.data));
    };
  }

  function connect() {
    source?.close();
    last = performance.now();
    source = new EventSource(url);
    for (const [name, handle] of handlers) source.addEventListener(name, take(handle));
    source.onerror = () => source.readyState === EventSource.CLOSED || lose(AWAY);
  }

  // An EventSource tries again by itself, unless it was refused. It does not say why: another request does.
  async function watch() {
    let pause = RETRY;
    if (source.readyState === EventSource.CLOSED) {
      const answer = await fetch(url, { method: "HEAD" }).catch(() => null);
      if (answer?.status in REFUSALS) {
        lose(REFUSALS[answer.status]);
        if (answer.status === 401) return; // a browser would ask for the password again and again
        pause = Number(answer.headers.get("Retry-After")) || RETRY;
      } else {
        if (!answer?.ok) lose(AWAY);
        connect();
      }
    } else if (performance.now() - last > SILENCE) {
      lose(AWAY);
      connect();
    }
    setTimeout(watch, pause * 1000);
  }

  // Not before all modules of the page have said what they listen to.
  document.addEventListener("DOMContentLoaded", () => {
    connect();
    watch();
  });
  return { on: (name, handle) => handlers.push([name, handle]) };
}
