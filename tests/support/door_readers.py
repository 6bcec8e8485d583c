"""Readers of the door on a real Redis, in a loop of the test's own."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from tests.support.waiting import PATIENCE
from worker.adapters.redis.store import RedisStore
from worker.door.waiting.look_ups import LookUps
from worker.door.waiting.readers import Readers
from worker.messages import PhotoId
from worker.result import Result
from worker.telemetry.counters import Telemetry


class ReadersRig:
    """Readers on a store, and what they log."""

    def __init__(self, store: RedisStore, most: int = 2_000) -> None:
        self.store, self.telemetry = store, Telemetry()
        look_ups = LookUps(store, 2 * store.nodes.timeout)
        self.readers = Readers(look_ups, store.subscriber(), store.keys.result, most, self.telemetry)

    def run(self, test: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run a test's coroutine, and end what it leaves."""

        async def whole() -> None:
            loop: Any = asyncio.get_running_loop()
            await asyncio.wait_for(test(), 3 * PATIENCE)
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()
            # Nobody waits for the end of a TLS connection, which takes an exchange with the server.
            await until(lambda: len(loop._selector.get_map()) == 1)  # its own pipe

        asyncio.run(whole())

    def wait(
        self, image_id: str, seconds: float = PATIENCE, owner: str = ""
    ) -> "asyncio.Task[Result | None]":
        """Begin to wait for a photo's result."""
        return asyncio.create_task(self.readers.wait(PhotoId(image_id, owner), seconds))


async def until(condition: Callable[[], bool], explain: Callable[[], object] = lambda: "") -> None:
    """Check again and again until it holds, beside the loop's other tasks."""
    end = asyncio.get_running_loop().time() + PATIENCE
    while not await asyncio.to_thread(condition):
        assert asyncio.get_running_loop().time() < end, f"it did not come to pass: {explain()}"
        await asyncio.sleep(0.01)
