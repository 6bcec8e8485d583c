"""Hears of all results on one subscription, and looks for those that it may have missed."""

import asyncio
from typing import Any

import redis
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from localstack.playground.photos.album import Album
from worker.result import Result, parse

KEYS = "result:"  # what the keys and channels of results begin with, if WORKER_RESULT_KEY is not set
TIMEOUT = 2.0  # seconds for an answer of Redis
PAUSE = 0.5  # seconds before another connection
FAILURES = (redis.RedisError, OSError)


class Results:
    """Belongs to one event loop. Photos by HTTP have their results as answers: theirs are only counted."""

    def __init__(self, url: str, album: Album) -> None:
        retry: Any = Retry(NoBackoff(), 0)
        self._redis: Any = Redis.from_url(
            url,
            decode_responses=True,
            encoding_errors="replace",  # anybody may write there
            socket_timeout=TIMEOUT,
            socket_connect_timeout=TIMEOUT,
            retry=retry,
        )
        self._album = album

    async def run(self) -> None:
        """Listen until cancelled."""
        while True:
            try:
                async with self._redis.pubsub() as subscription:
                    await subscription.psubscribe(f"{KEYS}*")
                    while True:
                        await self._hear(await subscription.get_message(timeout=TIMEOUT))
            except FAILURES:
                await asyncio.sleep(PAUSE)

    async def look_up(self) -> bool:
        """Look for the results of all open photos. False if Redis did not answer."""
        photos = self._album.open()
        try:
            stored = await self._redis.mget([KEYS + one.image_id for one in photos]) if photos else []
        except FAILURES:
            return False
        for photo, text in zip(photos, stored, strict=True):
            if (result := parse(text)) and (photo.way != "http" or photo.left_at):
                self._album.finish(photo, result)
        return True

    async def close(self) -> None:
        """Close all connections."""
        await self._redis.aclose()

    async def _hear(self, message: Any) -> None:
        if message is None:
            return
        if message["type"] == "psubscribe":  # confirmed, perhaps after a cut: some were not heard
            await self.look_up()
        elif message["type"] == "pmessage" and (result := parse(message["data"])):
            self._note(message["channel"].removeprefix(KEYS), result)

    def _note(self, image_id: str, result: Result) -> None:
        photo = self._album.publish(image_id)
        if photo and photo.way != "http":
            self._album.finish(photo, result)
