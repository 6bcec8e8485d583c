"""A visitor's window on a page: what went wrong in it, and what a person would look at."""

from typing import Any, Literal, Protocol
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Request

from tests.support.waiting import PATIENCE

Scheme = Literal["dark", "light"]
MS = 1000

# Keeps where the page's dots are drawn, with their colours, before any script of the page runs.
RECORD_DOTS = """
  window.drawn = [];
  const pen = CanvasRenderingContext2D.prototype, { arc, fill } = pen;
  let last = null;
  pen.arc = function (x, y, ...rest) { last = [x, y]; return arc.call(this, x, y, ...rest); };
  pen.fill = function (...rest) {
    if (last && drawn.length < 50000) drawn.push([...last, this.fillStyle]);
    last = null;
    return fill.apply(this, rest);
  };
"""
# Listens to the stream a second time, as the page does, and keeps the events.
RECORD_FRAMES = """() => {
  window.frames_seen = [];
  new EventSource("events").addEventListener("pipeline", (event) => frames_seen.push(event.data));
}"""
# In which boxes dots of a way's colour were drawn; null: between two of them.
PLACES_OF_DOTS = """(way) => {
  const pen = document.createElement("canvas").getContext("2d");
  pen.fillStyle = getComputedStyle(document.querySelector(`[data-dot="${way}"]`), "::before").backgroundColor;
  const boxes = [...document.querySelectorAll("[data-place]")];
  const holds = (box, x, y) => x >= box.offsetLeft && x <= box.offsetLeft + box.offsetWidth
    && y >= box.offsetTop && y <= box.offsetTop + box.offsetHeight;
  const place = ([x, y]) => boxes.find((box) => holds(box, x, y))?.dataset.place ?? null;
  return [...new Set(drawn.filter(([, , colour]) => colour === pen.fillStyle).map(place))];
}"""
# Counts the changes of all that a screen reader reads out by itself.
RECORD_SPEECH = """() => {
  window.spoken = [];
  const heard = new MutationObserver((changes) => spoken.push(...changes.map((one) => one.target.textContent)));
  for (const region of document.querySelectorAll("[role=status], [role=alert], [aria-live]")) {
    heard.observe(region, { childList: true, subtree: true, characterData: true });
  }
}"""
STICKING_OUT = """() => {
  const width = document.documentElement.clientWidth;
  const all = [...document.querySelectorAll("body *:not(svg *)")];
  const found = all.filter((one) => one.getBoundingClientRect().right > width + 1).map((one) => one.outerHTML);
  return document.documentElement.scrollWidth > width ? ["the page", ...found] : found;
}"""
FOCUSED = """() => {
  const one = document.activeElement;
  if (one === document.body || one === null) return null;
  const { outlineStyle, outlineWidth } = getComputedStyle(one);
  const { left, top, width, height } = one.getBoundingClientRect();
  const isVisible = outlineStyle !== "none" && parseFloat(outlineWidth) >= 2;
  const isOnScreen = width > 0 && height > 0 && left >= 0 && top >= 0;
  const number = [...document.querySelectorAll("*")].indexOf(one); // two links may have the same text
  return { name: one.id || one.className || one.textContent, isVisible, isOnScreen, number };
}"""


class OpenPage(Protocol):
    """The fixture `visit`."""

    def __call__(self, url: str, **options: Any) -> "Visit":
        """Open a page."""


class Visit:
    """One window, with cookies and cache of its own. `complaints`: errors and warnings of the console, and exceptions.

    Whatever the Content-Security-Policy forbids is among them. `elsewhere`: requests that went to another origin.
    """

    def __init__(
        self,
        browser: Browser,
        url: str,
        *,
        width: int = 1440,
        height: int = 900,
        scheme: Scheme = "light",
        is_still: bool = False,
        password: str = "",
    ) -> None:
        """`is_still`: the visitor asked for reduced motion."""
        self.complaints = list[str]()
        self.elsewhere = list[str]()
        self._origin = urlsplit(url)[:2]
        self._context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,
            reduced_motion="reduce" if is_still else "no-preference",
            http_credentials={"username": "me", "password": password} if password else None,
        )
        self._context.set_default_timeout(PATIENCE * MS)
        self.page = self._context.new_page()
        self.page.add_init_script(RECORD_DOTS)
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", self._on_request)
        self.page.goto(url)

    def wait_until(self, condition: str, argument: object = None) -> None:
        """Wait until a JavaScript function of `argument` says so; an expression would need eval, which is forbidden."""
        self.page.wait_for_function(condition, arg=argument)

    def wait_until_connected(self) -> None:
        """Wait until frames come."""
        self.page.locator("#connection", has_text="connected").wait_for()

    def frames(self, count: int) -> list[str]:
        """Wait for frames of the stream, and return all since the first call."""
        if not self.page.evaluate("'frames_seen' in window"):
            self.page.evaluate(RECORD_FRAMES)
        self.wait_until("count => frames_seen.length >= count", count)
        seen: list[str] = self.page.evaluate("frames_seen")
        return seen

    def places_of_dots(self, way: str) -> set[str | None]:
        """In which boxes dots of a way were drawn so far; None: between two of them."""
        return set(self.page.evaluate(PLACES_OF_DOTS, way))

    def record_speech(self) -> None:
        """Note from now on what a screen reader reads out by itself."""
        self.page.evaluate(RECORD_SPEECH)

    def spoken(self) -> list[str]:
        """What that was."""
        said: list[str] = self.page.evaluate("spoken")
        return said

    def resize(self, width: int) -> None:
        """Make the window so many pixels wide."""
        self.page.set_viewport_size({"width": width, "height": 900})

    def sticking_out(self) -> list[str]:
        """What is wider than the window, or right of it."""
        found: list[str] = self.page.evaluate(STICKING_OUT)
        return found

    def violations(self) -> str:
        """What axe-core finds, as a report; empty if nothing."""
        found = Axe().run(self.page)
        return found.generate_report() if found.violations_count else ""

    def tab_stops(self) -> list[dict[str, Any]]:
        """Press Tab until the focus has been everywhere: what had it, and whether one sees that."""
        stops = list[dict[str, Any]]()
        while True:
            self.page.keyboard.press("Tab")
            focused = self.page.evaluate(FOCUSED)
            if focused is None or focused in stops:
                return stops
            stops.append(focused)

    def close(self) -> None:
        """Leave."""
        self._context.close()

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.text} ({message.location['url']})")

    def _on_request(self, request: Request) -> None:
        if not request.url.startswith("blob:") and urlsplit(request.url)[:2] != self._origin:
            self.elsewhere.append(request.url)
