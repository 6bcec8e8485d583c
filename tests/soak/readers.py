"""Readers of a soak test: threads that wait for results by the public client, through the faults."""

import queue
import threading
import time
from collections.abc import Mapping, Sequence

from tests.support.faults.recorder import Recorder, photo_of
from tests.support.history.events import Read
from worker import settings
from worker.client import Client
from worker.errors import StoreError
from worker.result import Result

THREADS = 3
WAIT = 30.0  # seconds that a reader waits for a result
PAUSE = 0.5  # seconds until a reader whose call failed begins anew


class Readers:
    """Each asks for one photo after the other, as an API does; what it was given goes into the history."""

    def __init__(self, environment: Mapping[str, str], owners: Sequence[str], recorder: Recorder) -> None:
        """`environment`: settings of the workers, whose way to Redis the readers take too."""
        loaded = settings.load(dict(environment))
        self._clients = {owner: Client(loaded, prefix=f"uploads/{owner}/") for owner in owners}
        self._recorder = recorder
        self._asked: queue.Queue[str] = queue.Queue(THREADS)
        self._ended = threading.Event()
        self.reads = 0
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(THREADS)]
        for thread in self._threads:
            thread.start()

    def ask_for(self, name: str) -> None:
        """Let a reader wait for a photo, if one is free."""
        if not self._asked.full():
            self._asked.put(name)

    def close(self) -> None:
        """End all readers once they have what they wait for."""
        self._ended.set()
        for thread in self._threads:
            thread.join(2 * WAIT)

    def _work(self) -> None:
        while not self._ended.is_set():
            try:
                name = self._asked.get(timeout=PAUSE)
            except queue.Empty:
                continue
            self._read(name)

    def _read(self, name: str) -> None:
        photo = photo_of(name)
        while not self._ended.is_set():
            begun = time.monotonic()
            try:
                found: Result | None = self._clients[photo.owner].wait(photo.image_id, WAIT)
            except TimeoutError:
                found = None
            except StoreError:  # Redis is away: an API would tell its user to come again
                self._ended.wait(PAUSE)
                continue
            self._recorder.events.append(Read(begun, time.monotonic(), photo, found))
            self.reads += 1
            return
