"""The worker's own page while photos come by both ways."""

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import get_args

import pytest
from playwright.sync_api import Browser

from bench.photos import as_upload
from localstack.services import HOST, Services
from tests.browser.visit import OpenPage, Scheme, Visit
from tests.support import photos
from tests.support.doors import door_client
from tests.support.rig import Rig
from tests.support.waiting import eventually

PAUSE = 0.25  # seconds between two photos
BOXES = {"fetch", "decode", "ready", "infer", "commit"}  # that photos of both ways come to


@dataclass(frozen=True)
class Watched:
    """A worker with a page. `sent`: the ids of all photos so far."""

    url: str
    sent: list[str]


@pytest.fixture(scope="module")
def worker(
    services: Services, reference_model: object, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Watched]:
    """A worker that gets photos by both ways in turn, all the time."""
    environment = {**services.environment(), "WORKER_MODEL": str(reference_model)}
    with pytest.MonkeyPatch.context() as patch, door_client() as door:
        for name, value in environment.items():
            patch.setenv(name, value)
        rig = Rig("page", environment, tmp_path_factory.mktemp("page"))
        rig.announce_uploads()
        rig.process(door_port=str(door.port), door_page="view")
        try:
            door.wait_until_ready()
            with photos_both_ways(rig, door.port) as sent:
                yield Watched(f"http://{HOST}:{door.port}/", sent)
        finally:
            rig.close()


@contextmanager
def photos_both_ways(rig: Rig, port: int) -> Iterator[list[str]]:
    """Send photos by HTTP and by the queue in turn; gives the ids of those sent."""
    sent, enough, coffee = list[str](), threading.Event(), photos.coffee()

    def send() -> None:
        with door_client(port) as client:
            while not enough.wait(PAUSE):
                photo = as_upload(coffee, str(uuid.uuid4()))
                sent.append(client.post("/images", content=photo).json()["image_id"])
                sent.append(rig.client.upload(as_upload(photo, "again"), ".jpg"))

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield sent
    finally:
        enough.set()
        thread.join()


@pytest.fixture
def page(worker: Watched, visit: OpenPage) -> Visit:
    """A visit of that worker's page."""
    opened = visit(worker.url)
    opened.wait_until_connected()
    return opened


@pytest.mark.parametrize("scheme", get_args(Scheme))
@pytest.mark.parametrize("width", [360, 1440])
def test_everybody_can_use_it(worker: Watched, visit: OpenPage, width: int, scheme: Scheme) -> None:
    page = visit(worker.url, width=width, scheme=scheme)
    page.wait_until_connected()
    page.frames(4)
    assert page.complaints == page.elsewhere == []
    assert page.violations() == ""


def test_it_fits_each_window(page: Visit) -> None:
    for width in (360, 420, 899, 1440, 2560):
        page.resize(width)
        assert page.sticking_out() == [], width


@pytest.mark.parametrize("way", ["queue", "http"])
def test_dots_go_the_way_of_photos(page: Visit, way: str) -> None:
    begins, other = {"queue": ("uploads", "lane"), "http": ("lane", "uploads")}[way]
    on_their_way = {begins, *BOXES, None}  # None: they move, and do not jump
    eventually(lambda: page.places_of_dots(way) >= on_their_way, lambda: page.places_of_dots(way))
    ends = {"queue": "redis", "http": "client"}[way]
    eventually(lambda: ends in page.places_of_dots("good"), lambda: page.places_of_dots("good"))
    assert other not in page.places_of_dots(way)


def test_who_wants_no_motion_sees_dots_jump(worker: Watched, visit: OpenPage) -> None:
    page = visit(worker.url, is_still=True)
    page.wait_until_connected()
    page.frames(12)
    assert {"fetch", "infer"} <= page.places_of_dots("queue") | page.places_of_dots("http")
    assert None not in page.places_of_dots("queue") | page.places_of_dots("http")
    assert page.page.evaluate("document.getAnimations().length") == 0


def test_the_keyboard_reaches_all_of_it_and_shows_where_it_is(page: Visit) -> None:
    stops = page.tab_stops()
    assert stops[0]["name"] == "skip"
    assert all(stop["isVisible"] and stop["isOnScreen"] for stop in stops), stops
    page.page.locator(".skip").focus()
    page.page.keyboard.press("Enter")
    assert page.page.url.endswith("#pipeline")


def test_a_screen_reader_is_left_in_peace(page: Visit) -> None:
    page.record_speech()
    page.frames(20)
    assert page.spoken() == []


def test_two_viewers_see_the_same(page: Visit, worker: Watched, visit: OpenPage) -> None:
    other = visit(worker.url)
    for one in (page, other, page, other):
        one.frames(1)
    seen, seen_too = page.frames(8), other.frames(12)
    both = set(seen) & set(seen_too)
    assert len(both) >= 7, "the second one came at most a frame later"


def test_it_names_no_photo(page: Visit, worker: Watched) -> None:
    before = len(worker.sent)
    shown = page.frames(12)
    sent = worker.sent[before:]
    assert len(sent) > 1
    assert any(',"scored"' in frame for frame in shown)
    assert not [image_id for image_id in sent for frame in shown if image_id in frame]
    assert not [image_id for image_id in sent if image_id in page.page.content()]


def test_firefox_shows_it_too(firefox: Browser, worker: Watched) -> None:
    page = Visit(firefox, worker.url)
    page.wait_until_connected()
    eventually(lambda: page.places_of_dots("queue") >= BOXES, lambda: page.places_of_dots("queue"))
    eventually(lambda: page.places_of_dots("http") >= BOXES, lambda: page.places_of_dots("http"))
    assert page.sticking_out() == []
    assert page.complaints == page.elsewhere == []
    page.close()
