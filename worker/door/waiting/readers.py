"""Waits for results of photos for any number of readers. No thread for each, no polling."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

from worker.door.waiting.look_ups import LookUps
from worker.errors import StoreError
from worker.messages import PhotoId
from worker.result import Result
from worker.telemetry.counters import Telemetry


class Subscription(Protocol):
    """Hears of results; see adapters/redis/subscriber.py."""

    def add(self, channel: str) -> None:
        """Hear a channel."""

    def drop(self, channel: str) -> None:
        """Hear a channel no more."""

    async def run(self, heard: Callable[[str], None], failed: Callable[[str], None]) -> None:
        """Call `heard` with a channel whenever there is a reason to look, until cancelled."""


class Readers:
    """Those who wait for results. Belongs to one event loop, whose end ends the subscription.

    A waiter looks first; then whenever its subscription is confirmed, anew too, or its photo is
    announced; and once more before it gives up. So it misses nothing, even if its connection is cut.
    """

    def __init__(
        self,
        look_ups: LookUps,
        subscription: Subscription,
        channel: Callable[[PhotoId], str],
        most: int,
        telemetry: Telemetry,
    ) -> None:
        """`channel`: where a photo's result is announced. `most`: waiters; beyond them nobody waits."""
        self._look_ups = look_ups
        self._subscription = subscription
        self._channel = channel
        self._most = most
        self._telemetry = telemetry
        self._reasons: defaultdict[str, set[asyncio.Event]] = defaultdict(set)  # to look, by channel
        self.waiting = 0  # how many
        self._ended = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None

    async def find(self, photo: PhotoId) -> Result | None:
        """Find a photo's result. Raises StoreError."""
        return await self._look_ups.find(photo)

    async def wait(self, photo: PhotoId, seconds: float) -> Result | None:
        """Wait up to `seconds` for a photo's result. Raises StoreError if the last look fails.

        Redis may be away meanwhile. A stop ends the wait at once, so does being one too many.
        """
        self._loop = asyncio.get_running_loop()
        if self.waiting < self._most and not self._ended:
            with self._reason_to_look(photo) as reason, suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    while await reason.wait() and not self._ended:
                        reason.clear()
                        with suppress(StoreError):  # the last look tells
                            if found := await self.find(photo):
                                return found
        return await self.find(photo)

    def end(self) -> None:
        """Let all who wait look once more and give up, at once and from now on. From any thread."""
        self._ended = True
        with suppress(RuntimeError):  # the loop has ended: so have they
            if self._loop:
                self._loop.call_soon_threadsafe(self._wake_all)

    def _wake_all(self) -> None:
        for channel in self._reasons:
            self._hear(channel)

    @contextmanager
    def _reason_to_look(self, photo: PhotoId) -> Iterator[asyncio.Event]:
        """Subscribe to a photo's results. The event is set at first: to look, once subscribed or asked to."""
        channel, reason = self._channel(photo), asyncio.Event()
        reason.set()
        self._reasons[channel].add(reason)
        self.waiting += 1
        self._subscription.add(channel)
        self._keep_subscribed()
        try:
            yield reason
        finally:
            self.waiting -= 1
            self._reasons[channel].discard(reason)
            if not self._reasons[channel]:
                del self._reasons[channel]
                self._subscription.drop(channel)

    def _keep_subscribed(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._subscription.run(self._hear, self._tell))
            self._task.add_done_callback(self._note_end)

    def _hear(self, channel: str) -> None:
        for reason in self._reasons.get(channel, ()):
            reason.set()

    def _tell(self, reason: str) -> None:
        self._telemetry.warn("subscription_failed", waiting=self.waiting, reason=reason)

    def _note_end(self, task: "asyncio.Task[None]") -> None:
        """Begin anew with the next waiter, should a fault of ours end the subscription."""
        self._task = None
        if not task.cancelled():
            self._telemetry.warn("subscription_ended", exc_info=task.exception())
