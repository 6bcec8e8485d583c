"""What can be asked of the playground, within its bounds."""

import asyncio
from collections.abc import AsyncIterator
from itertools import product

import httpx
import pytest

from localstack.playground.photos import samples
from localstack.playground.photos.album import MOST_OPEN
from localstack.playground.photos.photo import WAYS
from localstack.playground.photos.sending import MOST_BYTES, PICTURED
from localstack.playground.web import page
from localstack.playground.web.stream import MOST
from localstack.samples import PHOTOS
from tests.unit.playground.asking import World

LARGEST = 60 * 1024  # bytes of the page and all its parts


def test_the_page_is_the_workers_with_ours_in_it() -> None:
    text = World().ask("GET", "/").text
    assert 'id="pipeline"' in text
    assert (page.OURS / "more.html").read_text() in text
    assert page.MORE.decode() not in text


def test_the_files_of_both_pages_are_there() -> None:
    world = World()
    for folder, path in ((page.WORKERS, "/page"), (page.OURS, "/playground")):
        for file in folder.iterdir():
            answer = world.ask("GET", f"{path}/{file.name}")
            assert answer.content == file.read_bytes()
            assert answer.headers["content-type"].startswith(("text/", "image/svg"))


def test_all_that_a_browser_loads_is_small() -> None:
    files = [file for folder in (page.WORKERS, page.OURS) for file in folder.iterdir()]
    assert sum(file.stat().st_size for file in files) <= LARGEST


@pytest.mark.parametrize(
    "path",
    [
        "/playground/..%2f__init__.py",
        "/playground/%2e%2e/playground.py",
        "/page/..%2fpage.py",
        "/page//etc/passwd",
        "/playground/",
        "/nothing",
    ],
)
def test_no_name_leads_out_of_the_folders(path: str) -> None:
    answer = World().ask("GET", path)
    assert answer.status_code == 404
    assert answer.json()["error"]


@pytest.mark.parametrize("way", WAYS)
def test_a_photo_is_sent_as_it_came_and_its_name_is_only_data(way: str) -> None:
    world = World()
    name = "../../<img onerror=alert(1)>\u202egpj.exe"
    answer = world.ask("POST", "/photos", params={"way": way, "name": name}, content=b"a photo")
    ((photo, data),) = world.catcher.caught
    assert (answer.status_code, answer.json()) == (202, {"id": photo.image_id, "number": 1})
    assert (photo.way, photo.name, data) == (way, name, b"a photo")


async def endless() -> AsyncIterator[bytes]:
    while True:
        yield b"x" * 1_000_000


def test_a_photo_that_is_too_large_is_refused_whether_it_says_so_or_not() -> None:
    world = World()
    declared = world.ask("POST", "/photos", content=b"x", headers={"Content-Length": str(MOST_BYTES + 1)})
    assert declared.status_code == world.ask("POST", "/photos", content=endless()).status_code == 413
    assert not world.catcher.caught


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/photos", 400),  # no bytes
        ("/photos?way=pigeon", 400),
        ("/samples/nothing", 404),
        ("/samples/coffee.png?way=pigeon", 400),
        ("/burst", 400),
        ("/burst?n=0", 400),
        ("/burst?n=501", 400),
        ("/burst?n=-5", 400),
        ("/burst?n=٣", 400),
        ("/burst?n=" + "9" * 5000, 400),
        ("/burst?n=3&way=pigeon", 400),
        ("/events", 405),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(path: str, status: int) -> None:
    world = World()
    answer = world.ask("POST", path)
    assert (answer.status_code, world.catcher.caught) == (status, [])
    assert answer.json()["error"]


def test_a_burst_has_photos_of_their_own_by_the_ways_in_turn() -> None:
    world = World()
    assert world.ask("POST", "/burst?n=30&way=mixed").json() == {"sent": 30}
    photos = [photo for photo, _ in world.catcher.caught]
    assert {(photo.way, photo.name) for photo in photos} == {*product(WAYS, samples.BURST)}
    assert len({data for _, data in world.catcher.caught}) == 30
    assert [photo.shows_thumbnail for photo in photos] == [True] * PICTURED + [False] * (30 - PICTURED)
    assert all(photo.event()["burst"] for photo in photos)
    world.ask("POST", "/burst?n=2&way=http")
    assert [photo.way for photo, _ in world.catcher.caught[30:]] == ["http", "http"]


def test_more_than_may_be_open_are_refused_and_none_of_them_is_sent() -> None:
    world = World()
    for _ in range(MOST_OPEN // 500):
        world.ask("POST", "/burst?n=500")
    before = len(world.catcher.caught)
    for path in ("/burst?n=1", "/samples/all", "/samples/coffee.png"):
        assert world.ask("POST", path).status_code == 429
    answer = world.ask("POST", "/photos", content=b"a photo")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
    assert len(world.catcher.caught) == before


def test_samples_are_sent_as_they_are_one_or_all() -> None:
    world = World()
    listed = world.ask("GET", "/samples").json()
    assert [one["name"] for one in listed] == list(samples.TITLES)
    assert {path.name for path in PHOTOS.iterdir()} - {"README.md"} == set(samples.TITLES)
    world.ask("POST", "/samples/croissant.heic?way=direct")
    assert world.ask("POST", "/samples/all?way=http").json() == {"sent": len(listed)}
    (first, data), *others = world.catcher.caught
    assert (first.way, first.name) == ("direct", "croissant.heic")
    assert data == (PHOTOS / "croissant.heic").read_bytes()
    assert [photo.name for photo, _ in others] == list(samples.TITLES)


def test_nothing_is_sent_or_broken_before_all_is_up() -> None:
    world = World(is_open=False)
    for path in ("/samples/all", "/burst?n=1", "/faults/kill", "/dead-letters/redrive"):
        answer = world.ask("POST", path)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert world.ask("POST", "/photos", content=b"a photo").status_code == 503
    assert world.ask("GET", "/samples").status_code == 200
    assert not world.playground.album.account.sent


def test_there_is_no_thumbnail_of_an_unknown_photo() -> None:
    assert World().ask("GET", "/thumbnails/nothing").status_code == 404


def test_one_viewer_too_many_is_told_to_come_back() -> None:
    world = World()

    async def ask(client: httpx.AsyncClient) -> httpx.Response:
        stream = world.playground.stream
        viewers = [asyncio.ensure_future(stream.answer({}, asyncio.Event().wait, _take)) for _ in range(MOST)]  # type: ignore[arg-type] # it waits for ever
        await asyncio.sleep(0)
        answer = await client.head("/events")
        stream.end()
        await asyncio.gather(*viewers)
        return answer

    assert World().ask("HEAD", "/events").status_code == 200
    answer = world.run(ask)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")


async def _take(message: object) -> None:
    assert message
