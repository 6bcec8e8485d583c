// Listens to server-sent events, and connects again for as long as it takes.

const SILENCE = 5000; // ms without an event: the connection is dead, whatever the browser thinks
const RETRY = 1000; // ms until the next try

// `on(name, handle)`: what is done at an event of this name, and with the name `lost` when the connection is.
export function listen(url) {
  const handlers = [];
  let source;
  let last = 0;
  let isLost = false;

  function lose() {
    if (isLost) return;
    isLost = true;
    for (const [name, handle] of handlers) if (name === "lost") handle();
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
    for (const [name, handle] of handlers) source.addEventListener(name, take(handle));
    source.onerror = lose; // the browser tries again by itself, unless the answer was a refusal
  }

  function watch() {
    const isClosed = source.readyState === EventSource.CLOSED;
    if (!isClosed && performance.now() - last < SILENCE) return;
    lose();
    connect();
  }

  // Not before all modules of the page have said what they listen to.
  document.addEventListener("DOMContentLoaded", () => {
    connect();
    setInterval(watch, RETRY);
  });
  return { on: (name, handle) => handlers.push([name, handle]) };
}
