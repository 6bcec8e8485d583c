"""Takes the pictures of README.md and docs/page.md: a visit to `make run`. Look at each before it is committed."""

import worker.interrupts  # noqa: F401 - before all else

# isort: split
import base64
import io
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from tests.browser.browsers import start
from tests.browser.visit import MS, Scheme, Visit
from tests.support import ROOT, photos
from tests.support.playground import PATIENCE, MakeRun

FOLDER = ROOT / "docs" / "pictures" / "page"
WIDE, HIGH = 1440, 1000  # pixels of a window
NARROW = 420
FILM = 32  # frames of the stream: 8 seconds
EVERY = 3  # frames of the browser for one of the film
FILM_WIDTH = 1260  # pixels
COLOURS = 256
ALL_DONE = """() => document.querySelector("[data-account=in_flight]").textContent === "0"
  && document.getElementById("outages").textContent === ""
  && !document.querySelector("[data-fault][data-state=on]:not([data-fault=poison])")"""
IS_BUSY = "() => parseInt(document.querySelector('[data-place=ready] .fill').textContent) > 2"
ALL_SHOWN = "() => [...document.images].every((one) => one.complete || one.loading === 'lazy')"


def main() -> None:
    """Write all pictures anew."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder, MakeRun(Path(folder)) as world, sync_playwright() as playwright:
        browser = start(playwright, "chromium")
        send_some(browser, world.url)
        for scheme in get_args(Scheme):  # before there are others than these
            page = open_page(browser, world.url, width=WIDE, height=HIGH, scheme=scheme)
            show_part(page, "#photos-part")
            save(page, f"photos-{scheme}")
            page.close()
        for scheme in get_args(Scheme):
            take(browser, world.url, scheme)
        film(browser, world.url)
        browser.close()


def send_some(browser: Browser, url: str) -> None:
    """Send what the pictures show: samples by each way, copies of them, and a message that nobody can read."""
    page = open_page(browser, url)
    page.page.locator("[data-fault=poison] button").click()
    for way in ("queue", "direct", "http"):
        page.page.locator(f"[name=way][value={way}]").check(force=True)
        page.page.locator("#all-samples").click()
    page.page.locator("[data-fault=bomb] button").click()
    page.page.locator("#choose").set_input_files(str(photos.NOT_FOOD))
    page.page.locator("#photos > li[data-state=dead]").wait_for()
    page.close()


def take(browser: Browser, url: str, scheme: Scheme) -> None:
    """Take the pictures of a busy worker, in light or dark."""
    wide = open_page(browser, url, width=WIDE, height=HIGH, scheme=scheme)
    narrow = open_page(browser, url, width=NARROW, height=HIGH, scheme=scheme)
    burst(wide, 150)
    show_part(wide, "body")
    save(wide, f"pipeline-{scheme}")
    save(narrow, f"narrow-{scheme}")
    wide.wait_until(ALL_DONE)
    burst(wide, 100)
    for fault in ("freeze-redis", "throttle-sqs"):
        wide.page.locator(f"[data-fault={fault}] button").click()
    wide.page.locator("#outages", has_text="Redis").wait_for()
    show_part(wide, "#account")
    save(wide, f"break-{scheme}")
    wide.wait_until(ALL_DONE)
    for page in (wide, narrow):
        page.close()


def film(browser: Browser, url: str) -> None:
    """Take an animated picture of a burst: what the browser shows, without the bar at the top of the window."""
    page = open_page(browser, url, width=FILM_WIDTH, height=HIGH, scheme="dark")
    show_part(page, "#pipeline")
    box = page.page.locator("#pipeline").bounding_box()
    assert box
    corners = (box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"])
    taken = dict[float, bytes]()
    camera = page.page.context.new_cdp_session(page.page)

    def keep(frame: dict[str, Any]) -> None:
        taken[frame["metadata"]["timestamp"]] = base64.b64decode(frame["data"])
        camera.send("Page.screencastFrameAck", {"sessionId": frame["sessionId"]})

    camera.on("Page.screencastFrame", keep)
    page.page.locator("#burst-size").fill("200")
    page.page.locator("#burst").click()
    show_part(page, "#pipeline")
    camera.send("Page.startScreencast", {"format": "png", "everyNthFrame": EVERY})
    page.frames(len(page.frames(1)) + FILM)
    camera.remove_listener("Page.screencastFrame", keep)
    camera.send("Page.stopScreencast")
    page.close()
    moments = sorted(taken)
    lengths = [round(MS * (after - before)) for before, after in pairwise(moments)]
    frames = [one.crop(corners) for one in reduced([taken[one] for one in moments[:-1]])]
    path = FOLDER / "burst.gif"
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=lengths, loop=0, optimize=True)


def open_page(browser: Browser, url: str, **options: object) -> Visit:
    """Open a page, and wait until it has everything."""
    page = Visit(browser, url, **options)  # type: ignore[arg-type] # as they are declared there
    page.page.set_default_timeout(MS * PATIENCE)
    page.page.locator("#state[data-state=up]").wait_for()
    page.page.locator("[data-fault=stop]").wait_for()
    page.page.locator("#all-samples").wait_for()
    return page


def burst(page: Visit, number: int) -> None:
    """Send a burst by all ways, and wait until photos are everywhere."""
    page.page.locator("#burst-size").fill(str(number))
    page.page.locator("#burst").click()
    page.wait_until(IS_BUSY)


def show_part(page: Visit, part: str) -> None:
    """Scroll to a part of the page, and wait for its pictures."""
    page.page.evaluate("part => document.querySelector(part).scrollIntoView()", part)
    page.frames(len(page.frames(1)) + 2)
    page.wait_until(ALL_SHOWN)


def save(page: Visit, name: str) -> None:
    """Save what the window shows."""
    path = FOLDER / f"{name}.png"
    Image.open(io.BytesIO(page.page.screenshot())).convert("RGB").quantize(COLOURS).save(path, optimize=True)


def reduced(pictures: Iterable[bytes]) -> list[Image.Image]:
    """Read pictures of one size, and give all the same colours: the most frequent ones, so that dots keep theirs."""
    read = [Image.open(io.BytesIO(picture)).convert("RGB") for picture in pictures]
    pixels = np.concatenate([np.asarray(one).reshape(-1, 3) for one in read[::8]])
    colours, counts = np.unique(pixels, axis=0, return_counts=True)
    palette = Image.new("P", (1, 1))
    palette.putpalette(colours[np.argsort(-counts)[:COLOURS]].flatten().tolist())
    return [one.quantize(palette=palette, dither=Image.Dither.NONE) for one in read]


if __name__ == "__main__":
    main()
