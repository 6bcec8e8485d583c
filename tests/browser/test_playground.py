"""The playground of `make run` in a browser: photos by each way, everything that one can break, and its end.

The tests share a world and follow one another: the last one stops it.
"""

import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import pytest
from playwright.sync_api import Browser, FilePayload, Locator

from localstack.playground.web.stream import MOST
from localstack.services import HOST
from localstack.worker_process import STOP
from tests.browser.visit import MS, OpenPage, Scheme, Visit
from tests.support import photos
from tests.support.playground import MakeRun
from tests.support.waiting import eventually

HEIC = (photos.SAMPLES / "croissant.heic").read_bytes()
HOSTILE = "<img src=x onerror=window.hacked=1>\N{RIGHT-TO-LEFT OVERRIDE}" + "W" * 1000
WAYS = {
    "queue": ("one.heic", HEIC),
    "direct": ("two.avif", photos.coffee("AVIF")),
    "http": (HOSTILE, photos.coffee()),
}
PATIENCE = 60.0  # seconds: an outage and what follows it
MORE = 1.0  # seconds that open pages may add to the end
MB = 1_000_000
SETTLED = """() => {
  const value = (name) => Number(document.querySelector(`[data-account=${name}]`).textContent.replaceAll(",", ""));
  const [sent, flying, lost, doubled] = ["sent", "in_flight", "lost", "doubled"].map(value);
  const ends = ["scored", "unrecognised", "failed", "dead"].map(value);
  return flying + lost + doubled === 0 && sent === ends.reduce((sum, one) => sum + one);
}"""
CARDS = "Array.from(document.querySelectorAll('#photos > li'), ({ id, dataset }) => [id, dataset.state])"
HAS_LOADED = "(image) => image.complete && image.naturalWidth > 0"
IS_IN_VIEW = """(one) => {
  const { top, bottom } = one.getBoundingClientRect();
  return top < innerHeight && bottom > 0;
}"""
# Notes when the bar of the page says what.
RECORD_STATES = """() => {
  const bar = document.getElementById("state");
  window.states = [];
  new MutationObserver(() => states.push([bar.dataset.state, performance.now()])).observe(bar, { attributes: true });
}"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, reference_model: Path) -> Iterator[MakeRun]:
    assert reference_model
    with MakeRun(tmp_path_factory.mktemp("playground")) as made:
        yield made


class Playground(Visit):
    """A visit of the playground."""

    def __init__(self, *opened: Any, **options: Any) -> None:
        super().__init__(*opened, **options)
        self.page.set_default_timeout(MS * PATIENCE)
        self.state("up").wait_for()
        self.page.locator("[data-fault=stop]").wait_for()

    def state(self, name: str) -> Locator:
        """The bar that says how the worker is."""
        return self.page.locator(f"#state[data-state={name}]")

    def value(self, name: str) -> int:
        """A figure of the account."""
        return int(self.page.locator(f"[data-account={name}]").inner_text().replace(",", ""))

    def choose(self, way: str, name: str, photo: bytes) -> Locator:
        """Choose a photo; its card once it is done."""
        self.page.locator(f"[name=way][value={way}]").check(force=True)
        chosen = FilePayload(name=name, mimeType="image/jpeg", buffer=photo)
        with self.page.expect_response(lambda answer: "/photos?" in answer.url) as answers:
            self.page.locator("#choose").set_input_files(chosen)
        card = self.page.locator(f"#photo-{answers.value.json()['id']}[data-state=done]")
        card.wait_for()
        return card

    def breaks(self, name: str) -> None:
        """Press the button of a fault, and see it begin."""
        self.page.locator(f"[data-fault={name}] button").click()
        self.page.locator(f"[data-fault={name}][data-state=on]").wait_for()

    def settles(self) -> None:
        """Wait until all faults are over and each photo that was sent has come to one end, and only one."""
        eventually(
            lambda: self.page.locator("[data-fault][data-state=on]").count() == 0,
            lambda: self.page.locator("#faults").inner_text(),
            PATIENCE,
        )
        eventually(lambda: bool(self.page.evaluate(SETTLED)), self.account, PATIENCE)
        assert self.page.locator("#verdict").get_attribute("data-verdict") == "ok"

    def account(self) -> str:
        """The account, for a wait that fails."""
        return self.page.locator("#account").inner_text()


@pytest.fixture
def page(world: MakeRun, chromium: Browser) -> Iterator[Playground]:
    opened = Playground(chromium, world.url)
    yield opened
    opened.close()


@pytest.mark.parametrize("way", WAYS)
def test_a_photo_by_each_way_becomes_a_card(page: Playground, way: str) -> None:
    name, photo = WAYS[way]
    card = page.choose(way, name, photo)
    assert card.get_attribute("data-way") == way
    card.scroll_into_view_if_needed()
    image = card.locator("img").element_handle()
    page.wait_until(HAS_LOADED, image)
    card.locator(".stars").wait_for()
    assert name[:40] in (card.text_content() or "")
    page.page.locator(f"#times [data-way={way}] [data-figure=count]:not(:text-is('0'))").wait_for()
    page.settles()
    assert page.page.evaluate("typeof hacked") == "undefined"
    assert page.complaints == page.elsewhere == page.sticking_out() == []


def test_copies_and_look_alikes_lead_to_their_originals(page: Playground) -> None:
    page.choose("queue", "cups.jpg", (photos.SAMPLES / "coffee-cups.jpg").read_bytes())
    copy = page.choose("http", "cups again.jpg", (photos.SAMPLES / "coffee-cups.jpg").read_bytes())
    alike = page.choose("direct", "small.jpg", photos.coffee(quality=30))
    copy.locator(".copy", has_text="same bytes").wait_for()
    alike.locator(".bits svg").nth(1).wait_for()
    for card in (copy, alike):
        link = card.locator("a.original")
        original = page.page.locator(link.get_attribute("href") or "").element_handle()
        link.click()
        page.wait_until(IS_IN_VIEW, original)


def test_two_viewers_see_a_burst_and_the_samples_come_to_the_same_end(
    page: Playground, world: MakeRun, chromium: Browser
) -> None:
    other = Playground(chromium, world.url)
    before = page.value("sent")
    page.page.locator("#all-samples").click()
    page.page.locator("#burst-size").fill("40")
    page.page.locator("#burst").click()
    eventually(lambda: other.value("sent") >= before + 45, other.account)
    for one in (page, other):
        one.settles()
    eventually(lambda: cards(page) == cards(other), lambda: (cards(page), cards(other)))
    assert set(cards(page).values()) == {"done"}
    assert page.account() == other.account()
    other.close()


def cards(page: Visit) -> dict[str, str]:
    """The state of each card."""
    return dict(page.page.evaluate(CARDS))


def test_photos_that_harm_end_with_a_reason_and_dead_letters_are_sent_again(page: Playground) -> None:
    failed, dead = page.value("failed"), page.value("dead")
    for name in ("poison", "bomb", "truncated"):
        page.breaks(name)
    page.page.locator(".error code", has_text="too_many_pixels").wait_for()
    page.page.locator(".error code", has_text="unreadable_image").wait_for()
    letter = page.page.locator("#letters > li")
    letter.wait_for()
    assert "unknown_body" in letter.inner_text()
    page.settles()
    assert (page.value("failed"), page.value("dead")) == (failed + 2, dead + 1)
    page.page.locator("#photos > li[data-state=dead]").wait_for()
    page.page.locator("#redrive").click()
    page.page.locator("#photos > li[data-state=dead]").wait_for(state="detached")
    assert page.value("dead") == dead  # it is on its way again, and will be dead once more


@pytest.mark.parametrize(("fault", "state"), [("kill", "away"), ("stop", "stopping")])
def test_a_worker_that_ends_under_load_loses_nothing(page: Playground, fault: str, state: str) -> None:
    page.page.evaluate(RECORD_STATES)
    page.breaks(fault)
    page.wait_until("state => states.some(([one]) => one === state)", state)
    page.state("up").wait_for()
    page.settles()
    page.frames(2)


def test_outages_lose_nothing(page: Playground) -> None:
    page.page.locator("#burst-size").fill("50")
    page.breaks("freeze-redis")
    page.page.locator("#burst").click()
    page.page.locator(
        "#outages", has_text="Redis"
    ).wait_for()  # photos have met it before anything holds them
    for name in ("s3-unavailable", "throttle-sqs"):
        page.breaks(name)
    page.page.locator("#burst").click()
    page.settles()
    assert page.page.locator("#outages").inner_text() == ""


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1440, "light")])
def test_everybody_can_use_it_after_all_that(
    world: MakeRun, chromium: Browser, width: int, scheme: Scheme
) -> None:
    page = Playground(chromium, world.url, width=width, scheme=scheme)
    page.page.locator("#photos > li[data-state=dead]").wait_for()
    page.page.locator("#letters > li").wait_for()
    assert page.sticking_out() == page.complaints == page.elsewhere == []
    assert page.violations() == ""
    page.close()


def test_viewers_who_never_read_lose_their_places(page: Playground, world: MakeRun, visit: OpenPage) -> None:
    before = psutil.Process(world.pid).memory_info().rss
    with ExitStack() as deaf:
        for _ in range(MOST - 1):
            connection = deaf.enter_context(socket.create_connection((HOST, world.port)))
            connection.sendall(f"GET /events HTTP/1.1\r\nHost: {HOST}:{world.port}\r\n\r\n".encode())
        late = visit(world.url)
        late.page.locator("#state[data-state=lost]").wait_for()
        page.page.locator("#burst").click()
        late.page.set_default_timeout(MS * PATIENCE)
        late.page.locator("#state[data-state=up]").wait_for()
        assert psutil.Process(world.pid).memory_info().rss - before < 100 * MB
    page.settles()


def test_firefox_sends_a_sample_and_shows_its_card(firefox: Browser, world: MakeRun) -> None:
    page = Playground(firefox, world.url)
    page.page.locator("#all-samples").wait_for()
    number = page.value("sent") + 1
    page.page.locator("[data-sample]").first.click()
    card = page.page.locator(f"#photos > li[data-number='{number}'][data-state=done]")
    card.locator(".stars").wait_for()
    page.settles()
    assert page.complaints == page.elsewhere == page.sticking_out() == []
    page.close()


def test_open_pages_do_not_hold_up_the_end(page: Playground, world: MakeRun, chromium: Browser) -> None:
    pages = [page, Playground(chromium, world.url)]
    for one in pages:
        one.page.evaluate(RECORD_STATES)
    world.ask_to_stop(signal.SIGINT)
    for one in pages:
        one.state("lost").wait_for()
        seen: dict[str, float] = dict(one.page.evaluate("states"))
        assert seen["lost"] - seen["stopping"] < MS * MORE
    assert world.wait(STOP) == 0
    pages[1].close()
