"""All photos that were sent, and what became of each. Belongs to one event loop."""

import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from localstack.playground.photos.account import Account
from localstack.playground.photos.photo import Photo, Way, shown_name
from worker.door.problems import Refusal
from worker.result import Result

MOST_OPEN = 2_000  # photos without a result at a time
MOST_KEPT = 5_000  # photos; of older ones only the account knows
NEWEST = 200  # photos that a new viewer is shown


@dataclass(eq=False)
class Album:
    """`changed` is told of each photo that has changed; `clock` gives monotonic seconds."""

    changed: Callable[[Photo], None]
    clock: Callable[[], float]
    account: Account = field(default_factory=Account)
    _photos: dict[str, Photo] = field(default_factory=dict)
    _open: dict[str, Photo] = field(default_factory=dict)
    # Results published of photos that are not ours, or not yet.
    _heard: Counter[str] = field(default_factory=Counter)

    def add(self, way: Way, name: str, *, burst: bool = False, thumbnail: bool = True) -> Photo:
        """Add a photo that will be sent. Raises Refusal if there are too many already."""
        self.check(1)
        photo = Photo(str(uuid.uuid4()), self.account.sent + 1, way, shown_name(name), burst, thumbnail)
        self._photos[photo.image_id] = self._open[photo.image_id] = photo
        self.account.sent += 1
        self._forget_oldest()
        self.changed(photo)
        return photo

    def check(self, number: int) -> None:
        """Raise Refusal unless so many photos more may be sent."""
        if len(self._open) + number > MOST_OPEN:
            raise Refusal("too_many_requests", f"{len(self._open)} photos wait for their results already")

    def adopt(self, way: Way, name: str, result: Result) -> Photo:
        """Add a photo that somebody else has sent, with its result."""
        photo = Photo(result.image_id, self.account.sent + 1, way, shown_name(name))
        self._photos[photo.image_id] = photo
        self.account.sent += 1
        for _ in range(self._heard.pop(photo.image_id, 0)):
            self.publish(photo.image_id)
        self._finish(photo, result)
        return photo

    def find(self, image_id: str) -> Photo | None:
        """Find a photo."""
        return self._photos.get(image_id)

    def open(self) -> list[Photo]:
        """Those without a result, also the lost ones."""
        return list(self._open.values())

    def newest(self) -> list[Photo]:
        """The newest ones, the oldest of them first."""
        return list(self._photos.values())[-NEWEST:]

    def is_sent(self, photo: Photo) -> None:
        """Note that a photo is on its way from now on. Its sender's clock starts at the first try."""
        if photo.sent_at is None:
            photo.sent_at = self.clock()

    def is_left(self, photo: Photo) -> None:
        """Note that its sender is done with a photo: S3 and the queue have it, or there was no answer by HTTP."""
        photo.left_at = self.clock()

    def publish(self, image_id: str) -> Photo | None:
        """Note that a result was published; returns the photo, if it is here."""
        photo = self._photos.get(image_id)
        if photo is None:
            self._heard[image_id] += 1
            if len(self._heard) > MOST_KEPT:
                del self._heard[next(iter(self._heard))]
            return None
        photo.published += 1
        if photo.published > 1:
            self.account.doubled += 1
            self.changed(photo)
        return photo

    def finish(self, photo: Photo, result: Result) -> None:
        """Note a result, once it is with the sender. Later ones change nothing."""
        if photo.result is None:
            if photo.sent_at is not None:
                photo.ms = 1000 * (self.clock() - photo.sent_at)
            self._finish(photo, result)

    def bury(self, letters: Mapping[str, str]) -> None:
        """Note which photos are dead letters now, and why; those that are none any more are on their way again."""
        for photo in self.open():
            reason = letters.get(photo.image_id)
            if reason is not None and (photo.state != "dead" or photo.reason != reason):
                self._close_lost(photo)
                self.account.dead += photo.state != "dead"
                photo.state, photo.reason = "dead", reason
                self.changed(photo)
            elif reason is None and photo.state == "dead":
                self.account.dead -= 1
                photo.state, photo.left_at = "sent", self.clock()  # who moved it may have it for a moment
                self.changed(photo)

    def lose(self, photos: Iterable[Photo]) -> None:
        """Note that nobody has these photos any more."""
        for photo in photos:
            if photo.state == "sent" and not photo.is_lost:
                photo.is_lost = True
                self.account.lost += 1
                self.changed(photo)

    def _finish(self, photo: Photo, result: Result) -> None:
        self._close_lost(photo)
        self.account.dead -= photo.state == "dead"
        self._open.pop(photo.image_id, None)
        photo.state, photo.result = "done", result
        self.account.results[result.status] += 1
        self.changed(photo)

    def _close_lost(self, photo: Photo) -> None:
        self.account.lost -= photo.is_lost
        photo.is_lost = False

    def _forget_oldest(self) -> None:
        if len(self._photos) > MOST_KEPT:
            done = next((one for one in self._photos.values() if one.state == "done"), None)
            if done:
                del self._photos[done.image_id]
