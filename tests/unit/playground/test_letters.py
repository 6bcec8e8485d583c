"""Dead letters are joined to their photos, and a photo that nobody has any more is lost."""

import asyncio

import pytest

from localstack.playground.photos.album import Album
from localstack.playground.photos.letters import EXCERPT, QUIET, REREAD, Letters
from localstack.playground.photos.photo import Photo
from tests.support.fakes import ManualClock
from worker.errors import DecoderStartError, QueueError
from worker.messages import S3Object
from worker.upkeep.dead_letters import Finding, Letter


class TwoQueues:
    """A queue and its dead-letter queue, in memory."""

    def __init__(self) -> None:
        self.messages = 0
        self.letters: list[Letter] = []
        self.unread = 0  # letters that nobody has read
        self.reads = 0
        self.trouble: Exception | None = None

    def waiting(self) -> int:
        self._check()
        return self.messages

    def count(self) -> int:
        self._check()
        return len(self.letters) + self.unread

    def read(self) -> list[Letter]:
        self.reads += 1
        return list(self.letters)

    def examine(self, letter: Letter) -> Finding:
        return Finding("unknown_body", "the body is of no known shape", S3Object("photos", "uploads/a key"))

    def redrive(self) -> None:
        self.letters.clear()

    def _check(self) -> None:
        if self.trouble:
            raise self.trouble


class Watch:
    """What looks at the queues, with a store that answers or not."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.queues = TwoQueues()
        self.album = Album(lambda _: None, self.clock)
        self.store_answers = True
        self.letters = Letters(self.queues, self.album, self.look_up, self.clock)

    async def look_up(self) -> bool:
        return self.store_answers

    def sent(self) -> Photo:
        photo = self.album.add("queue", "a photo")
        self.album.is_left(photo)
        return photo

    def dies(self, photo: Photo) -> None:
        body = f'{{"key": "uploads/{photo.image_id}", "more": "{"x" * 2 * EXCERPT}"}}'
        number = len(self.queues.letters)
        self.queues.letters.append(Letter(f"message {number}", "a handle", body, 6, None, None, None))

    def look(self, after: float = 0.0) -> None:
        self.clock.seconds += after
        asyncio.run(self.letters.look())


def test_a_dead_letter_is_shown_with_its_photo_and_the_reason() -> None:
    watch = Watch()
    photo = watch.sent()
    watch.dies(photo)
    watch.look()
    assert (photo.state, photo.reason) == ("dead", "unknown_body: the body is of no known shape")
    (shown,) = watch.letters.describe()
    assert (shown["key"], shown["receives"], len(shown["body"])) == ("uploads/a key", 5, EXCERPT)


def test_letters_are_read_again_only_when_their_number_changes_or_after_a_while() -> None:
    watch = Watch()
    watch.dies(watch.sent())
    for _ in range(3):
        watch.look(after=1)
    assert watch.queues.reads == 1
    watch.look(after=REREAD)
    assert watch.queues.reads == 2


def test_a_redriven_photo_is_in_flight_again() -> None:
    watch = Watch()
    photo = watch.sent()
    watch.dies(photo)
    watch.look()
    assert asyncio.run(watch.letters.redrive()) == 1
    watch.look(after=QUIET)  # SQS has it in hand: it is in neither queue
    assert (photo.state, watch.letters.describe()) == ("sent", [])
    watch.look(after=QUIET - 1)
    assert watch.album.account.lost == 0
    watch.look(after=1)
    assert watch.album.account.lost == 1


def test_a_photo_is_lost_when_neither_queue_nor_sender_has_it_and_there_is_no_result() -> None:
    watch = Watch()
    watch.sent()
    watch.look(after=1)
    watch.look(after=QUIET - 1)
    assert watch.album.account.lost == 0
    watch.look(after=1)
    assert watch.album.account.lost == 1


HOLDERS = [
    "queue",
    "dead-letter queue",
    "letters that cannot all be read",
    "sender",
    "Redis that does not answer",
]


@pytest.mark.parametrize("holds", HOLDERS)
def test_a_photo_that_somebody_may_still_have_is_not_lost(holds: str) -> None:
    watch = Watch()
    photo = watch.sent()
    watch.queues.messages = int(holds == "queue")
    watch.store_answers = not holds.startswith("Redis")
    if holds == "dead-letter queue":
        watch.dies(photo)
    watch.queues.unread = int(holds == "letters that cannot all be read")
    if holds == "sender":
        photo.left_at = None
    for _ in range(3):
        watch.look(after=QUIET)
    assert watch.album.account.lost == 0


def test_a_photo_that_was_sent_while_the_queue_was_quiet_has_time_to_be_announced() -> None:
    watch = Watch()
    watch.look(after=1)
    watch.clock.seconds += QUIET
    watch.sent()
    watch.look(after=QUIET - 1)
    assert watch.album.account.lost == 0
    watch.look(after=1)
    assert watch.album.account.lost == 1


@pytest.mark.parametrize(
    "trouble", [QueueError("SQS does not answer"), DecoderStartError("no memory for one")]
)
def test_a_queue_that_cannot_be_looked_at_is_not_empty(trouble: Exception) -> None:
    watch = Watch()
    watch.sent()
    watch.look(after=1)
    watch.queues.trouble = trouble
    watch.look(after=QUIET)
    watch.queues.trouble = None
    watch.look(after=1)
    assert watch.album.account.lost == 0
