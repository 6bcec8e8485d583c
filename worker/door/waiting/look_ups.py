"""Looks stored results up in threads beside the event loop, all that are asked for meanwhile in one call."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Protocol

from worker.errors import StoreError
from worker.messages import PhotoId
from worker.result import Result

THREADS = 2  # of which one may be held up by a connection that is dead


class Finder(Protocol):
    """The part of the store that is needed here; see results/store.py."""

    def find(self, photos: Sequence[PhotoId]) -> list[Result | None]:
        """Find the stored result of each photo. Raises StoreError."""


class LookUps:
    """Belongs to one event loop."""

    def __init__(self, store: Finder, patience: float) -> None:
        """`patience`: seconds after which a look-up without an answer counts as failed."""
        self._store = store
        self._patience = patience
        self._turn = asyncio.Semaphore(THREADS)
        self._asked = set[PhotoId]()
        self._next: asyncio.Task[dict[PhotoId, Result | None]] | None = None

    async def find(self, photo: PhotoId) -> Result | None:
        """Find the result that is stored after this call. Raises StoreError."""
        self._asked.add(photo)
        if self._next is None:
            self._next = asyncio.create_task(self._look_up())
            self._next.add_done_callback(_retrieve)
        try:
            async with asyncio.timeout(self._patience):
                found = await asyncio.shield(self._next)
        except TimeoutError:
            raise StoreError(f"Redis has not answered within {self._patience:g} s") from None
        return found[photo]

    async def _look_up(self) -> dict[PhotoId, Result | None]:
        async with self._turn:
            photos, self._asked, self._next = list(self._asked), set(), None
            found = await _in_a_thread(lambda: self._store.find(photos))
        return dict(zip(photos, found, strict=True))


async def _in_a_thread(find: Callable[[], list[Result | None]]) -> list[Result | None]:
    """Run a look-up. An executor's thread would hold up the end of the process for as long as Redis hangs."""
    loop = asyncio.get_running_loop()
    found: asyncio.Future[list[Result | None]] = loop.create_future()

    def run() -> None:
        try:
            tell(found.set_result, find())
        except BaseException as error:  # noqa: BLE001 - whoever asked hears of it
            tell(found.set_exception, error)

    def tell(settle: Callable[[Any], None], it: object) -> None:
        with suppress(RuntimeError):  # the loop has ended, and nobody asks any more
            loop.call_soon_threadsafe(lambda: None if found.cancelled() else settle(it))

    threading.Thread(target=run, name="look-up", daemon=True).start()
    return await found


def _retrieve(task: "asyncio.Task[dict[PhotoId, Result | None]]") -> None:
    """Take an error nobody waits for any more: asyncio would log it."""
    if not task.cancelled():
        task.exception()
