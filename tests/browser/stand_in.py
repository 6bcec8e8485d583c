"""Plays the server of the playground: the real files of the page, and the events that a test tells."""

import itertools
import json
import mimetypes
import queue
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

from tests.support import ROOT
from tests.support.http_server import Request, Response, serve
from tests.support.results import make_result
from worker.door.page.page import POLICY
from worker.result import DuplicateOf, Inference, Tip

FOLDERS = {
    "page": ROOT / "worker" / "door" / "page" / "files",
    "playground": ROOT / "localstack" / "playground" / "files",
}
HEADERS = {"Content-Security-Policy": POLICY}
BEAT = 1.0  # seconds between two signs of life
STEPS = ("arrived", "fetch", "decode", "ready", "infer", "commit", "scored")
WAYS = ("queue", "direct", "http")
COUNTS = ("scored", "unrecognised", "failed", "already_scored", "released", "returned")
SENT: dict[str, Any] = {
    "state": "sent",
    "ms": None,
    "result": None,
    "dead": None,
    "thumbnail": False,
    "burst": True,
}
TIMES = {"queue": 12.0, "fetch": 20.0, "decode": 30.0, "infer": 40.0, "commit": 2.0, "total": 104.0}
SPREAD = 0x9E3779B97F4A7C15  # makes hashes of consecutive numbers unlike
Told = tuple[str, Mapping[str, Any]]  # the name of an event, and its data


class StandIn:
    """`asked`: the methods and paths of requests, but for parts of the page and the stream.

    `answers`: by path, what is answered to a GET. `run`: of `make run`, which this one is.
    """

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self.url = ""
        self.run = "the first"
        self.asked = list[str]()
        self.answers = dict(answers)
        self._viewers = list[queue.SimpleQueue[Told | None]]()

    def tell(self, event: str, **data: Any) -> None:
        """Tell all viewers."""
        for viewer in self._viewers:
            viewer.put((event, data))

    def cut(self) -> None:
        """End the stream of each viewer."""
        for viewer in self._viewers:
            viewer.put(None)

    def respond(self, request: Request) -> Response:
        """Answer a request."""
        path = request.path.partition("?")[0].lstrip("/")
        folder, _, name = path.partition("/")
        if path == "events":
            return (
                200,
                {"Content-Type": "text/event-stream"},
                self._events() if request.method == "GET" else b"",
            )
        if path == "":
            page = (FOLDERS["page"] / "index.html").read_text()
            more = (FOLDERS["playground"] / "more.html").read_text()
            return 200, {"Content-Type": "text/html", **HEADERS}, page.replace("<!-- more -->", more).encode()
        if folder in FOLDERS:
            return (
                200,
                {"Content-Type": mimetypes.guess_type(name)[0] or ""},
                (FOLDERS[folder] / name).read_bytes(),
            )
        self.asked.append(f"{request.method} {request.path}")
        if request.method == "GET" and path in self.answers:
            return 200, {"Content-Type": "application/json"}, json.dumps(self.answers[path]).encode()
        return (404, {}, b"{}") if request.method == "GET" else (202, {}, b"{}")

    def _events(self) -> Iterator[bytes]:
        mine = queue.SimpleQueue[Told | None]()
        self._viewers.append(mine)
        up = {"state": "up", "since": 1, "says": "The worker is up."}
        yield event(("worker", {**up, "run": self.run}))
        while True:
            try:
                told = mine.get(timeout=BEAT)
                if told is None:
                    return
                yield event(told)
            except queue.Empty:
                yield event(("worker", {**up, "run": self.run}))


def event(told: Told) -> bytes:
    """One server-sent event."""
    return f"event: {told[0]}\ndata: {json.dumps(told[1])}\n\n".encode()


@contextmanager
def stand_in(**answers: Any) -> Iterator[StandIn]:
    """Run one; `answers` by path."""
    made = StandIn({"faults": [], "samples": [], "dead-letters": [], **answers})
    with serve(made.respond) as made.url:
        yield made


def frame(moves: list[Any]) -> dict[str, Any]:
    """A frame of a worker that is busy."""
    return {
        "worker": "stand-in",
        "phase": "open",
        "uptime": 60.0,
        "queues": {
            **dict.fromkeys(("uploads", "door", "ready", "outcomes", "acknowledge"), (7, 32)),
            "waiting_for_s3": (0, 8),
        },
        "batches": [9],
        "largest_batch": 16,
        "leases": 20,
        "requests": 12,
        "outages": [],
        "ways": {way: {"rate": 50.0, "p50": 80.0, "p99": 300.0} for way in ("queue", "http")},
        "counts": dict.fromkeys(COUNTS, 12_345),
        "sampled": 0.2,
        "moves": moves,
    }


def scored(number: int, text: str = "soup", kind: Literal["near", "exact"] = "near") -> dict[str, Any]:
    """The data of a photo that has its result, with this text in it: every third one is a copy of the one before."""
    before = DuplicateOf(image_id=f"photo-{number - 1}", distance=3, kind=kind)
    result = make_result(f"photo-{number}", image_hash=f"phash-1:{number * SPREAD % 2**64:016x}")
    fields = {
        "score": 4,
        "score_mean": 3.6,
        "tip": Tip(id=text, text=f"{text} often contains much salt. Taste before you add any."),
        "inference": {"m": Inference.model_validate({"labels": [{"name": text, "probability": 0.3}] * 3})},
        "timings_ms": TIMES,
        "duplicate_of": before if number % 3 == 0 else None,
    }
    told = result.model_copy(update=fields).model_dump(mode="json")
    return {**sent(number), "state": "done", "ms": 110, "result": told}


def sent(number: int) -> dict[str, Any]:
    """The data of a photo on its way."""
    return {
        **SENT,
        "id": f"photo-{number}",
        "number": number,
        "name": f"{number}.jpg",
        "way": WAYS[number % 3],
    }


def account(sent: int, scored: int) -> dict[str, int]:
    """The data of an account in which all is well."""
    return {**dict.fromkeys(("unrecognised", "failed", "dead", "doubled", "lost"), 0)} | {
        "sent": sent,
        "scored": scored,
        "in_flight": sent - scored,
    }


def steady(server: StandIn, rate: float, goes_on: Callable[[], bool], first: int) -> None:
    """Tell of `rate` photos a second as the playground does, with the frames of a worker that scores them."""
    begun, moves = time.monotonic(), list[Any]()
    for number in itertools.count(first):
        if not goes_on():
            return
        time.sleep(max(0.0, begun + (number - first) / rate - time.monotonic()))
        server.tell("photo", **sent(number))
        server.tell("photo", **scored(number - int(rate / 2)))
        if number % 5 == 0:  # a fifth is shown, as the worker does at this rate
            way = ("queue", "http")[number % 2]
            moves += [
                (number, way, step, 0.2 - 0.03 * at, *([{"ms": 80}] if step == "scored" else []))
                for at, step in enumerate(STEPS)
            ]
        if number % int(rate / 4) == 0:
            server.tell("account", **account(number, number - int(rate / 2)))
            server.tell("pipeline", **frame(moves))
            moves = []
