"""What all viewers are told: how the worker is, what becomes of each photo, and the account."""

import asyncio
import uuid
from collections.abc import Callable, Iterable

from localstack.playground.photos.album import Album
from localstack.playground.photos.photo import Photo
from localstack.playground.web.stream import Event, Stream

ACCOUNT = 0.25  # seconds from one account to the next, at least


class Told:
    """Belongs to one event loop. `stream` tells of what happens in the `album`."""

    def __init__(self, clock: Callable[[], float], faults: Callable[[], Iterable[Event]]) -> None:
        """`faults`: those that are on."""
        self.stream = Stream(self._greeting, self._worker_event)
        self.album = Album(self._photo_changed, clock)
        self.was_up = False  # any worker
        self._run = uuid.uuid4().hex  # another one after `make run` was started anew
        self._faults = faults
        self._clock = clock
        self._worker = ("starting", "LocalStack and Valkey start.")
        self._since = clock()
        self._account_changed = asyncio.Event()

    def tell(self, state: str, says: str) -> None:
        """Say how the worker is: starting, up, stopping or away, and why."""
        self._worker, self._since = (state, says), self._clock()
        self.was_up |= state == "up"
        self.stream.publish(self._worker_event())

    async def tell_accounts(self) -> None:
        """Tell of each change, but not too often, until cancelled."""
        while True:
            await self._account_changed.wait()
            self._account_changed.clear()
            self.stream.publish(self._account_event())
            await asyncio.sleep(ACCOUNT)

    def _greeting(self) -> list[Event]:
        photos = [_photo_event(photo) for photo in self.album.newest()]
        return [self._worker_event(), *self._faults(), *photos, self._account_event()]

    def _photo_changed(self, photo: Photo) -> None:
        if self.stream.is_watched:
            self.stream.publish(_photo_event(photo))
        self._account_changed.set()

    def _worker_event(self) -> Event:
        state, says = self._worker
        since = round(self._clock() - self._since, 1)
        return Event.of("worker", {"state": state, "since": since, "says": says, "run": self._run})

    def _account_event(self) -> Event:
        return Event.of("account", self.album.account.event())


def _photo_event(photo: Photo) -> Event:
    return Event.of("photo", photo.event(), photo.image_id)
