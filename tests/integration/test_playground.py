"""The playground of `make run`: photos by each way, each fault, and the account at the end. Nothing stays behind."""

import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx
import psutil
import pytest

from localstack.playground.photos.photo import WAYS
from tests.support import ROOT
from tests.support.playground import MakeRun, Watcher

PHOTO = ROOT / "localstack" / "photos" / "croissant.heic"
AT_ONCE = ("freeze-redis", "s3-unavailable", "throttle-sqs", "bomb", "truncated")
LONGEST_STOP = 20.0  # seconds; the services take most of it


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, reference_model: Path) -> Iterator[MakeRun]:
    assert reference_model
    with MakeRun(tmp_path_factory.mktemp("playground")) as made:
        yield made


@pytest.fixture
def watcher(running: MakeRun) -> Iterator[Watcher]:
    with Watcher(running.url) as made:
        yield made


def ask(running: MakeRun, path: str, content: bytes = b"", **parameters: str) -> httpx.Response:
    return httpx.post(f"{running.url}{path}", params=parameters, content=content, timeout=20)


def test_the_account_is_even_after_photos_by_each_way_and_every_fault(
    running: MakeRun, watcher: Watcher
) -> None:
    assert ask(running, "/faults/poison").status_code == 202  # it takes longest
    sent = {way: ask(running, "/photos", PHOTO.read_bytes(), way=way, name="<b>") for way in WAYS}
    assert {answer.status_code for answer in sent.values()} == {202}
    ids = {way: answer.json()["id"] for way, answer in sent.items()}
    watcher.wait(lambda: {*ids.values()} <= {*watcher.settled()})
    for way, image_id in ids.items():
        photo = watcher.photos[image_id]
        assert (photo["state"], photo["way"], photo["name"]) == ("done", way, "<b>")
        assert photo["result"]["status"] == "scored"
        assert 0 < photo["ms"] < 1000 * LONGEST_STOP
        thumbnail = httpx.get(f"{running.url}/thumbnails/{image_id}", timeout=20)
        assert thumbnail.headers["content-type"] == "image/jpeg"
    first = watcher.newest["pipeline"]["worker"]

    for name in AT_ONCE:
        assert ask(running, f"/faults/{name}").status_code == 202
    assert ask(running, "/faults/poison").status_code == 409
    assert ask(running, "/burst", n="30", way="mixed").json() == {"sent": 30}
    for name, states in (("kill", ["away", "starting", "up"]), ("stop", ["stopping", "starting", "up"])):
        before = len(watcher.states)
        assert ask(running, f"/faults/{name}").status_code == 202
        watcher.wait(partial(watcher.is_over, name))
        assert watcher.states[before:] == states
    watcher.wait(lambda: not watcher.unsettled() and "on" not in watcher.faults.values())

    watcher.wait(
        lambda: watcher.newest["pipeline"]["worker"] != first
    )  # the drawing goes on with the last one
    account = watcher.account
    (letter,) = httpx.get(f"{running.url}/dead-letters", timeout=20).json()
    assert letter["reason"].startswith("unknown_body")
    assert (account["failed"], account["dead"], account["doubled"], account["lost"]) == (2, 1, 0, 0)
    assert account["sent"] == account["scored"] + account["failed"] + account["dead"]
    assert sum(photo["dead"] is not None for photo in watcher.photos.values()) == 1


def test_a_photo_that_harms_has_no_thumbnail_and_a_result_that_says_why(
    running: MakeRun, watcher: Watcher
) -> None:
    watcher.wait(lambda: watcher.account["failed"] >= 2)  # the test before has sent them
    failed = [p for p in watcher.photos.values() if (p["result"] or {}).get("status") == "failed"]
    codes = {photo["name"]: photo["result"]["error"]["code"] for photo in failed}
    assert codes == {"bomb.png": "too_many_pixels", "truncated.jpg": "unreadable_image"}
    for photo in failed:
        assert httpx.get(f"{running.url}/thumbnails/{photo['id']}", timeout=20).status_code == 404


def test_a_dead_letter_that_is_sent_back_is_in_flight_again(running: MakeRun, watcher: Watcher) -> None:
    watcher.wait(lambda: watcher.account["dead"] == 1)  # the first test has sent it
    (photo,) = [photo for photo in watcher.photos.values() if photo["dead"]]
    assert ask(running, "/dead-letters/redrive").json() == {"redriven": 1}
    watcher.wait(lambda: watcher.photos[photo["id"]]["state"] == "sent")
    assert not httpx.get(f"{running.url}/dead-letters", timeout=20).json()


def test_an_interrupt_stops_all_of_it_while_redis_is_frozen_and_pages_are_open(
    running: MakeRun, watcher: Watcher
) -> None:
    assert ask(running, "/faults/freeze-redis").status_code == 202
    watcher.wait(lambda: watcher.faults.get("freeze-redis") == "on")
    assert (running.folder / "run" / "env").exists()
    left = psutil.Process(running.pid).children(recursive=True)
    assert len(left) > 3  # Valkey, LocalStack, the worker, and processes that decode
    begun = time.monotonic()
    running.ask_to_stop(signal.SIGINT)
    assert running.wait(LONGEST_STOP) == 0
    assert time.monotonic() - begun < LONGEST_STOP
    assert watcher.states[-1] == "stopping"
    assert not (running.folder / "run" / "env").exists()
    assert "Traceback" not in running.output()
    assert not [one for one in left if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
