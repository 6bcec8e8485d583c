"""Waits for the results of any number of photos in one process, on one subscription to Redis. Copy it into your API."""

import asyncio
import time
from collections import defaultdict
from contextlib import suppress
from typing import Any, Self

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

LOOK_AGAIN = 5.0  # seconds; a connection can be dead without a word, and then nothing is heard on it
TURN = 0.05  # seconds until new channels are subscribed to, if nothing is heard meanwhile
OPTIONS: dict[str, Any] = {  # calls end within seconds, whatever Redis does
    "max_connections": 10,  # one is for the subscription, all looks share the others
    "socket_timeout": 1,
    "socket_connect_timeout": 1,
    "retry": Retry(NoBackoff(), 1),
    "decode_responses": True,
}


class Results:
    """Belongs to one event loop: `async with Results(url) as results`, for as long as the API runs."""

    def __init__(self, url: str) -> None:
        self._redis = Redis.from_pool(BlockingConnectionPool.from_url(url, **OPTIONS))
        self._waiting = defaultdict[str, set[asyncio.Event]](set)  # by channel, named as the result's key

    async def __aenter__(self) -> Self:
        self._hearing = asyncio.create_task(self._hear())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._hearing.cancel()
        await asyncio.wait([self._hearing])
        await self._redis.aclose()

    async def wait(self, image_id: str, timeout: float = 30.0) -> str:
        """Return a photo's result as JSON, also a `failed` one. Raises TimeoutError; a RedisError may be its cause."""
        key, deadline, reason = f"result:{image_id}", time.monotonic() + timeout, asyncio.Event()
        self._waiting[key].add(reason)  # soon subscribed to; the confirmation is a reason to look again
        try:
            while True:
                reason.clear()
                trouble = None
                try:
                    if (found := await self._redis.get(key)) is not None:
                        return str(found)
                except RedisError as error:
                    trouble = error  # Redis may be back before the time is over
                if (left := deadline - time.monotonic()) <= 0:
                    raise TimeoutError(f"no result for {image_id} within {timeout} s") from trouble
                with suppress(TimeoutError):
                    await asyncio.wait_for(reason.wait(), min(left, LOOK_AGAIN))
        finally:
            self._waiting[key].discard(reason)
            if not self._waiting[key]:
                del self._waiting[key]

    async def _hear(self) -> None:
        """Wake who waits: a result was published, or Redis confirmed a subscription, perhaps a renewed one."""
        subscription: Any = self._redis.pubsub()  # for this task alone: it connects again by itself
        channels = set[str]()
        while True:
            try:
                await subscription.connect()
                if new := self._waiting.keys() - channels:
                    await subscription.subscribe(*new)
                if gone := channels - self._waiting.keys():
                    await subscription.unsubscribe(*gone)
                channels = channels - gone | new
                message = await subscription.get_message(timeout=TURN)
                for reason in self._waiting.get(message["channel"], ()) if message else ():
                    reason.set()
            except RedisError:
                await asyncio.sleep(TURN)
