"""Sends photos by S3 and SQS as the team's API does, and gives those of the door to its client."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from localstack.playground.photos.album import Album
from localstack.playground.photos.door_client import DoorClient
from localstack.playground.photos.failures import failure
from localstack.playground.photos.photo import Photo
from localstack.playground.photos.thumbnails import Kept
from worker.adapters.aws.direct_requests import RequestSender
from worker.adapters.aws.s3 import Photos
from worker.client import direct_request
from worker.errors import QueueError, StorageError
from worker.messages import S3Object

AT_ONCE = 16  # photos that are being stored in S3
TRIES = 5
PAUSE = 1.0  # seconds between them


@dataclass(eq=False)
class Senders:
    """Belongs to one event loop. What is being sent is awaited by nobody."""

    album: Album
    storage: Photos
    requests: RequestSender
    bucket: str
    door: DoorClient
    kept: Kept
    _turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def send(self, photo: Photo, data: Callable[[], bytes]) -> None:
        """Begin to send a photo of the album. `data` makes its bytes, whenever they are needed."""
        self._begin(photo, self._by_door(photo, data) if photo.way == "http" else self._by_queue(photo, data))

    def send_message(self, photo: Photo, body: dict[str, str]) -> None:
        """Begin to send a message of any content that stands for this photo."""
        self._begin(photo, self._say(photo, body))

    def _begin(self, photo: Photo, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: self.album.is_left(photo))

    async def end(self) -> None:
        """End all of it."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.door.close()

    async def _by_door(self, photo: Photo, data: Callable[[], bytes]) -> None:
        self.kept.keep(photo, data())
        result = await self.door.score(photo.image_id, data, lambda: self.album.is_sent(photo))
        if result:
            self.album.finish(photo, result)

    async def _by_queue(self, photo: Photo, data: Callable[[], bytes]) -> None:
        """Store a photo, and ask for its score by the direct way. S3 announces it in any case."""
        async with self._turns:
            started = datetime.now(UTC)
            self.album.is_sent(photo)
            photo.object = S3Object(self.bucket, key := f"uploads/{photo.image_id}")
            try:
                stored = await _try_hard(lambda: self.storage.put(self.bucket, key, data()))
            except StorageError as error:
                self.album.finish(photo, failure(photo.image_id, "not_sent", str(error)))
                return
            if photo.way == "direct":
                with suppress(QueueError):  # S3's notification stands in
                    await asyncio.to_thread(
                        self.requests.send, direct_request(photo.image_id, stored, started)
                    )

    async def _say(self, photo: Photo, body: dict[str, str]) -> None:
        self.album.is_sent(photo)
        try:
            await _try_hard(lambda: self.requests.send(body))
        except QueueError as error:
            self.album.finish(photo, failure(photo.image_id, "not_sent", str(error)))


async def _try_hard(act: Callable[[], Any]) -> Any:
    """Try a few times, as an API does. Raises what the last try has raised."""
    for _ in range(TRIES - 1):
        try:
            return await asyncio.to_thread(act)
        except (StorageError, QueueError):
            await asyncio.sleep(PAUSE)
    return await asyncio.to_thread(act)
