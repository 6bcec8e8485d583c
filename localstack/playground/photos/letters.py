"""Watches the dead-letter queue: which photos are there and why, and which ones are nowhere any more."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from localstack.playground.photos.album import Album
from localstack.playground.photos.photo import Photo
from worker.errors import DecoderStartError, QueueError
from worker.upkeep.dead_letters import Finding, Letter

PAUSE = 1.0  # seconds between two looks
IDLE = 3.0  # seconds, where no photo waits for anything
REREAD = 10.0  # seconds until the letters are read again though their number is the same
QUIET = 10.0  # seconds for which the queue must be empty until a photo without a result is lost
EXCERPT = 500  # characters of a body that are shown
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Queues(Protocol):
    """The queue and its dead-letter queue. All methods block, and raise QueueError."""

    def waiting(self) -> int:
        """How many messages the queue holds, hidden ones included."""

    def count(self) -> int:
        """How many dead letters there are."""

    def read(self) -> list[Letter]:
        """Read all dead letters; they stay where they are."""

    def examine(self, letter: Letter) -> Finding:
        """Find out what is wrong with one."""

    def redrive(self) -> None:
        """Let SQS move all of them back."""


@dataclass(frozen=True, slots=True)
class Known:
    """A dead letter, and what is wrong with it."""

    letter: Letter
    finding: Finding

    @property
    def reason(self) -> str:
        """The reason in words."""
        return f"{self.finding.code}: {self.finding.reason}"

    def describe(self) -> dict[str, Any]:
        """Describe it for the page."""
        return {
            "message_id": self.letter.message_id,
            "key": self.finding.object.key if self.finding.object else None,
            "reason": self.reason,
            "body": self.letter.body[:EXCERPT],
            "receives": self.letter.receive_count - 1,  # the last one was ours, to read it
        }


class Letters:
    """Belongs to one event loop. `look_up` looks for results; False if that cannot be done now."""

    def __init__(
        self, queues: Queues, album: Album, look_up: Callable[[], Awaitable[bool]], clock: Callable[[], float]
    ) -> None:
        self._queues = queues
        self._album = album
        self._look_up = look_up
        self._clock = clock
        self._known: Mapping[str, Known] = {}  # by message
        self._quiet_since: float | None = None
        self._read_at = clock()

    def describe(self) -> list[dict[str, Any]]:
        """Describe the dead letters as of the last look."""
        return [one.describe() for one in self._known.values()]

    async def redrive(self) -> int:
        """Move all dead letters back to the queue; returns how many there are. Raises QueueError."""
        number = len(self._known)
        if number:
            await asyncio.to_thread(self._queues.redrive)
        return number

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(PAUSE if self._album.open() else IDLE)

    async def look(self) -> None:
        """Look once, if SQS answers."""
        try:
            is_empty = await self._know_all_letters() and not await asyncio.to_thread(self._queues.waiting)
        except (QueueError, DecoderStartError):
            is_empty = False  # as far as is known
        now = self._clock()
        if not is_empty:
            self._quiet_since = None
        elif self._quiet_since is None:
            self._quiet_since = now
        elif now - self._quiet_since >= QUIET and await self._look_up():
            self._album.lose(self._left_before(now - QUIET))

    async def _know_all_letters(self) -> bool:
        """Look at the dead letters. False if there are more than can be read."""
        count, now = await asyncio.to_thread(self._queues.count), self._clock()
        if count != len(self._known) or now - self._read_at >= REREAD:
            self._read_at = now
            await self._read()
        return len(self._known) >= count

    async def _read(self) -> None:
        letters = await asyncio.to_thread(self._queues.read)
        known = dict[str, Known]()
        for letter in letters:
            before = self._known.get(letter.message_id)
            known[letter.message_id] = before or Known(
                letter, await asyncio.to_thread(self._queues.examine, letter)
            )
        self._known = known
        self._album.bury(
            {image_id: one.reason for one in known.values() for image_id in UUID.findall(one.letter.body)}
        )

    def _left_before(self, moment: float) -> list[Photo]:
        """Photos without a result that their senders were done with by then."""
        photos = self._album.open()
        return [photo for photo in photos if photo.left_at is not None and photo.left_at <= moment]
