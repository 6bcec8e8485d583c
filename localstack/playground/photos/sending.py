"""Makes photos to send: from a request's body, from the samples, in bursts, and those that harm."""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import cycle, islice

from starlette.requests import Request

from bench.photos import as_upload
from localstack.playground.photos import samples
from localstack.playground.photos.album import Album
from localstack.playground.photos.photo import WAYS, Photo, Way
from localstack.playground.photos.senders import Senders
from worker.door.problems import Refusal
from worker.door.receiving.admission import Admission
from worker.door.receiving.body import Bodies

MOST_BYTES = 25_000_000  # of a photo: WORKER_MAX_BYTES, as it is by default
MEMORY = 256_000_000  # bytes of photos that are received or wait to be sent
BODY_TIMEOUT = 30.0  # seconds for a photo to arrive
PICTURED = 12  # photos of a burst that have thumbnails


class Sending:
    """Belongs to one event loop. All that sends raises Refusal, also until there are `senders`."""

    def __init__(self, album: Album, clock: Callable[[], float] = time.monotonic) -> None:
        self.senders: Senders | None = None
        self.samples: Mapping[str, bytes] = samples.read()
        self._album = album
        admission = Admission(most=1, memory=MEMORY, objective_seconds=1, clock=clock)
        self._bodies = Bodies(admission, max_bytes=MOST_BYTES, timeout=BODY_TIMEOUT, clock=clock)

    async def receive(self, request: Request, way: Way, name: str) -> Photo:
        """Send the photo that a request brings. Raises GoneError too."""
        self._check_open()
        self._album.check(1)
        body = await self._bodies.receive(request)
        return self._send(way, name, lambda: b"".join(body.pieces))

    def send_sample(self, name: str, way: Way) -> Photo:
        """Send a sample as it is: one that was sent before is an exact copy."""
        sample = self.samples.get(name)
        if sample is None:
            raise Refusal("not_found", "there is no such sample")
        return self._send(way, name, lambda: sample)

    def send_samples(self, way: Way) -> int:
        """Send all samples; returns how many they are."""
        self._album.check(len(self.samples))
        for name in self.samples:
            self.send_sample(name, way)
        return len(self.samples)

    def burst(self, number: int, ways: Sequence[Way] = WAYS) -> None:
        """Send so many photos, each with bytes of its own, by these ways in turn."""
        senders = self._check_open()
        self._album.check(number)
        for at, way in enumerate(islice(cycle(ways), number)):
            name = samples.BURST[at // len(ways) % len(samples.BURST)]
            photo = self._album.add(way, name, burst=True, thumbnail=at < PICTURED)
            senders.send(photo, partial(as_upload, self.samples[name], photo.image_id))

    def send(self, name: str, data: bytes) -> Photo:
        """Send a photo by the queue."""
        return self._send("queue", name, lambda: data)

    def send_poison(self) -> Photo:
        """Send a message that no worker can read. It stands for a photo, by the id in it."""
        senders = self._check_open()
        photo = self._album.add("direct", "a message that nobody can read", thumbnail=False)
        senders.send_message(photo, {"poison": photo.image_id})
        return photo

    def _send(self, way: Way, name: str, data: Callable[[], bytes]) -> Photo:
        senders = self._check_open()
        photo = self._album.add(way, name)
        senders.send(photo, data)
        return photo

    def _check_open(self) -> Senders:
        if self.senders is None:
            raise Refusal("starting", "the services and the worker are starting")
        return self.senders
