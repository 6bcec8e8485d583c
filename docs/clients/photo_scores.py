"""Waits for the results of any number of photos in one process, on one subscription to Redis. Copy it into your API."""

import asyncio
import logging
import random
import time
from collections import defaultdict
from contextlib import suppress
from typing import Any, Self

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

LOG = logging.getLogger(__name__)
LOOK_AGAIN = 5.0  # seconds; a connection can be dead without a word, and then nothing is heard on it
TURN = 0.05  # seconds until new channels are subscribed to, if nothing is heard meanwhile
SILENCE = 3.0  # seconds; then Redis is asked whether it is there
ANSWER = 2.0  # seconds that it has for the answer
PAUSE = 1.0  # seconds until a subscription that failed is tried again
OPTIONS: dict[str, Any] = {  # calls end within seconds, whatever Redis does
    "timeout": 2,  # for a free connection
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
        self._changed = set[str]()  # channels to which the first has come, or which the last has left
        self._is_deaf = False

    async def __aenter__(self) -> Self:
        self._hearing = asyncio.create_task(self._hear())
        return self

    async def __aexit__(self, *_: object) -> None:
        while not self._hearing.done():  # redis-py loses a cancel now and then, in Python 3.11
            self._hearing.cancel()
            await asyncio.wait([self._hearing], timeout=PAUSE)
        await self._redis.aclose()

    async def wait(self, image_id: str, timeout: float = 30.0) -> str:
        """Return a photo's result as JSON, also a `failed` one. Raises TimeoutError; a RedisError may be its cause."""
        key, deadline, reason = f"result:{image_id}", time.monotonic() + timeout, asyncio.Event()
        self._waiting[key].add(reason)
        if len(self._waiting[key]) == 1:
            self._changed.add(key)  # soon subscribed to; the confirmation is a reason to look again
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
                    async with asyncio.timeout(min(left, LOOK_AGAIN)):
                        await reason.wait()
        finally:
            self._waiting[key].discard(reason)
            if not self._waiting[key]:
                del self._waiting[key]
                self._changed.add(key)

    async def _hear(self) -> None:
        """Keep a subscription; make a new one if it fails."""
        while True:
            try:
                async with self._redis.pubsub() as subscription:
                    await self._follow(subscription)
            except Exception:  # whatever it is: nobody would hear of a result any more
                if not self._is_deaf:  # once until it works again
                    LOG.exception("cannot hear of results; who waits looks every %g s", LOOK_AGAIN)
                self._is_deaf = True
            await asyncio.sleep(PAUSE * random.uniform(0.5, 1.5))  # noqa: S311 - so that not all APIs come at once

    async def _follow(self, subscription: Any) -> None:
        """Subscribe to what is waited for, and wake who waits, until Redis gives no more sign of life."""
        await subscription.connect()
        self._changed.update(self._waiting)
        heard, asked = time.monotonic(), False
        while True:
            if changed := self._changed:
                self._changed = set()
                if new := [channel for channel in changed if channel in self._waiting]:
                    await subscription.subscribe(*new)
                if gone := changed.difference(new):
                    await subscription.unsubscribe(*gone)
            if message := await subscription.get_message(timeout=TURN):
                heard, asked = time.monotonic(), False
                self._wake(message)
            elif time.monotonic() > heard + (SILENCE + ANSWER if asked else SILENCE):
                if asked:
                    raise ConnectionError(f"no answer within {ANSWER:g} s")
                asked = True
                await subscription.ping()

    def _wake(self, message: dict[str, Any]) -> None:
        """A result was published, or Redis confirmed a subscription, perhaps one that redis-py renewed."""
        self._is_deaf = False
        for reason in self._waiting.get(message["channel"], ()):
            reason.set()
        if message["type"] == "subscribe" and message["channel"] not in self._waiting:
            self._changed.add(message["channel"])  # renewed for nobody
