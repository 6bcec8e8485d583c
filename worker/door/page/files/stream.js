// Listens to server-sent events, and connects again for as long as it takes.

const SILENCE = 5000; // ms without a frame: the connection is dead, whatever the browser thinks
const RETRY = 1000; // ms until the next try

export function listen(url, heard) {
  let source;
  let last = 0;
  let isLost = false;
  const others = new Map();

  function lose() {
    if (!isLost) heard.lost();
    isLost = true;
  }

  function take(handle) {
    return (event) => {
      last = performance.now();
      isLost = false;
      handle(JSON.parse(event.data));
    };
  }

  function connect() {
    source?.close();
    last = performance.now();
    source = new EventSource(url);
    source.addEventListener("pipeline", take(heard.pipeline));
    for (const [name, handle] of others) source.addEventListener(name, take(handle));
    source.onerror = lose; // the browser tries again by itself, unless the answer was a refusal
  }

  setInterval(() => {
    const isClosed = source.readyState === EventSource.CLOSED;
    if (!isClosed && performance.now() - last < SILENCE) return;
    lose();
    connect();
  }, RETRY);
  connect();

  return {
    on(name, handle) {
      others.set(name, handle);
      source.addEventListener(name, take(handle));
    },
  };
}
