"""Senders of a soak test: threads that send photos by HTTP, through the faults, and again what was not answered."""

import random
import threading
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from bench.photos import as_upload
from tests.soak.workers import Workers
from tests.support.faults.audit import OWNERS
from tests.support.faults.door_clients import DoorClients
from tests.support.faults.fault_rig import FaultRig

THREADS = 3
PAUSE = 0.7  # seconds between two photos of a sender, on average; and until it tries another worker
TRIES = 20
AGAIN, OTHER, BOTH = 0.2, 0.1, 0.2  # parts of the photos: sent again, other bytes under a known id, both ways
TRY_AGAIN = {0, 429, 503, 504}  # statuses; 0: the connection broke
EXPECTED = {200, 202, 409, 415, *TRY_AGAIN}


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo and its name: its owner and its image id."""

    name: str
    data: bytes


class Senders:
    """Each sends one photo after the other, as clients do, to any worker that takes it."""

    def __init__(self, rig: FaultRig, workers: Workers, photos: Sequence[bytes], seed: int) -> None:
        self._rig, self._workers, self._photos = rig, workers, photos
        self.clients = DoorClients(rig)
        self._known: list[Photo] = []
        self._ended = threading.Event()
        self._threads = [
            threading.Thread(target=self._work, args=(random.Random(f"{seed}: sender {number}"),))
            for number in range(THREADS)
        ]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """End all senders once their last photos are answered."""
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def statuses(self) -> dict[str, int]:
        """How often each answer was given, by its status and the code of its problem."""
        told = Counter(f"{one.status} {one.code}".strip() for one in self.clients.told)
        return dict(sorted(told.items()))

    def unexpected(self) -> list[str]:
        """Answers that no client should see, and photos that are not stored although their clients were told."""
        told = [one for one in self.clients.told if one.status not in EXPECTED]
        return [*(f"{one.name}: {one.status} {one.code}" for one in told), *self.clients.lost()]

    def _work(self, rng: random.Random) -> None:
        while not self._ended.wait(rng.uniform(0.0, 2 * PAUSE)):
            photo = self._choose(rng)
            for _ in range(TRIES):
                told = self.clients.send(photo.data, photo.name, port=self._workers.any_port(rng))
                if told.status not in TRY_AGAIN or self._ended.wait(PAUSE):
                    break
            if told.status in {200, 202}:
                self._known.append(photo)

    def _choose(self, rng: random.Random) -> Photo:
        """Draw a new photo; or a known one, the same or another under its name."""
        drawn, data = rng.random(), rng.choice(self._photos)
        if self._known and drawn < AGAIN:
            return rng.choice(self._known)
        if self._known and drawn < AGAIN + OTHER:
            return Photo(rng.choice(self._known).name, data)
        owner, image_id = rng.choice(OWNERS), str(uuid.UUID(int=rng.getrandbits(128)))
        own = as_upload(data, image_id)
        if drawn > 1 - BOTH:
            self._rig.upload_as(image_id, own, folder=f"uploads/{owner}")
        return Photo(f"{owner}:{image_id}", own)
