"""The API's side: put a photo into the bucket, wait for its result without missing it."""

import time
import uuid
from collections.abc import Callable
from typing import Self

from worker.adapters import s3
from worker.adapters.redis import ResultStore
from worker.result import Result
from worker.settings import Settings


class Client:
    """Uploads to `bucket`, reads results from `store`."""

    def __init__(
        self, photos: s3.Photos, store: ResultStore, bucket: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._photos = photos
        self._store = store
        self._bucket = bucket
        self._clock = clock

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Make a client for the first bucket and the Redis of the worker's own settings."""
        store = ResultStore.connect(
            settings.redis_url.get_secret_value(),
            key=settings.result_key,
            expiry=settings.result_expiry,
            timeout=settings.redis_timeout,
        )
        return cls(s3.Photos(s3.client(connections=4), time.monotonic), store, settings.buckets[0])

    def upload(self, photo: bytes, suffix: str = "") -> str:
        """Put a photo under a new UUID, as uploads/{uuid}{suffix}; its image id. Raises StorageError."""
        image_id = str(uuid.uuid4())
        self._photos.put(self._bucket, f"uploads/{image_id}{suffix}", photo)
        return image_id

    def wait(self, image_id: str, timeout: float) -> Result:
        """Wait for a result, up to `timeout` seconds. Raises TimeoutError, StoreError.

        It subscribes before it looks: a result written before is found, one written after is announced.
        """
        deadline = self._clock() + timeout
        with self._store.announcements(image_id) as announcements:
            stored = self._store.find([image_id])[0]
            while stored is None and (left := deadline - self._clock()) > 0:
                stored = announcements.next(left)
        if stored is None:
            raise TimeoutError(
                f"no result for {image_id} within {timeout:g} s; does a worker run, and what does it log?"
            )
        return stored
