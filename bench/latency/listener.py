"""One subscription to all results: what was announced, and when."""

import json
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Self

from bench.processes import LostError

SILENCE = 30.0  # seconds without a result after which photos count as lost
SLICE = 0.2  # seconds between two checks whether to end
CHANNEL = "result:"


@dataclass(frozen=True, slots=True)
class Heard:
    """One announced result, and the monotonic time of its arrival."""

    at: float
    text: str

    def timings(self) -> dict[str, float]:
        """Read the worker's milliseconds by step."""
        timings: dict[str, float] = json.loads(self.text)["timings_ms"]
        return timings


class Listener:
    """A context manager; calls `heard` for each result, in its own thread."""

    def __init__(self, redis: Any, heard: Callable[[], object] = lambda: None) -> None:
        self._results = redis.pubsub()
        self._heard = heard
        self._all: dict[str, list[Heard]] = {}  # by image id, in order of arrival
        self._last = time.monotonic()
        self._news = threading.Condition()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> Self:
        """Subscribe to all announcements from now on."""
        self._results.psubscribe(f"{CHANNEL}*")
        self._results.get_message(timeout=SILENCE)  # Redis's confirmation
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop listening."""
        self._ending.set()
        self._thread.join()
        self._results.close()

    def first(self, image_ids: Collection[str]) -> dict[str, Heard]:
        """Wait for the result of each photo; return the first announcement of each.

        Raises LostError after SILENCE seconds without any result, and for a photo that failed.
        """
        found = self.wait(image_ids)
        failed = sum('"status":"failed"' in heard.text for heard in found.values())
        if failed:
            raise LostError(f"{failed} of {len(found)} photos came out as failed")
        return found

    def wait(self, image_ids: Collection[str]) -> dict[str, Heard]:
        """The same, whether they failed or not."""
        expected, begun = set(image_ids), time.monotonic()
        with self._news:
            while missing := expected - self._all.keys():
                if not self._thread.is_alive() or time.monotonic() - max(begun, self._last) > SILENCE:
                    raise LostError(f"{len(missing)} photos have no result after {SILENCE:.0f} s of silence")
                self._news.wait(SLICE)
            return {image_id: self._all[image_id][0] for image_id in image_ids}

    def count_repeats(self) -> int:
        """Count the announcements that were not the first of their photo."""
        with self._news:
            return sum(len(of_one) - 1 for of_one in self._all.values())

    def arrivals(self) -> list[float]:
        """Monotonic times of all announcements so far."""
        with self._news:
            return [heard.at for of_one in self._all.values() for heard in of_one]

    def _listen(self) -> None:
        while not self._ending.is_set():
            message = self._results.get_message(timeout=SLICE)
            if message and message["type"] == "pmessage":
                heard = Heard(time.monotonic(), message["data"])
                with self._news:
                    self._all.setdefault(message["channel"].removeprefix(CHANNEL), []).append(heard)
                    self._last = heard.at
                    self._news.notify_all()
                self._heard()
