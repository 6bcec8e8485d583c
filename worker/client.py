"""The API's side: put a photo into the bucket, ask for its score, wait for the result without missing it."""

import re
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Self

from worker.adapters.aws import s3
from worker.adapters.aws.direct_requests import Requests
from worker.adapters.redis.store import ResultStore
from worker.connections import result_store
from worker.errors import ConfigurationError, NoImageIdError, QueueError
from worker.intake.events import photo_id
from worker.messages import PhotoId, S3Object
from worker.result import Result, timestamp
from worker.settings import Settings
from worker.telemetry.counters import Telemetry


class Client:
    """Uploads to `bucket`, sends `requests`, reads results from `store`."""

    def __init__(
        self,
        photos: s3.Photos,
        requests: Requests,
        store: ResultStore,
        bucket: str,
        *,
        prefix: str = "uploads/",
        owner: str = "",
        telemetry: Telemetry,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._photos = photos
        self._requests = requests
        self._store = store
        self._bucket = bucket
        self._prefix = prefix
        self._owner = owner
        self._telemetry = telemetry
        self._clock = clock
        self._now = now

    @classmethod
    def from_settings(
        cls, settings: Settings, telemetry: Telemetry | None = None, prefix: str = "uploads/"
    ) -> Self:
        """Make a client for the first bucket, the queue and the Redis of the worker's own settings.

        Raises ConfigurationError, also when keys that begin with `prefix` name no owner, and should.
        """
        sample = str(uuid.uuid4())
        try:
            owner = photo_id(f"{prefix}{sample}", re.compile(settings.image_id_pattern), sample).owner
        except NoImageIdError as error:
            raise ConfigurationError(str(error)) from None
        store = result_store(settings)
        photos = s3.Photos(s3.client(connections=4), time.monotonic)
        requests = Requests(settings.queue_url)
        return cls(
            photos,
            requests,
            store,
            settings.buckets[0],
            prefix=prefix,
            owner=owner,
            telemetry=telemetry or Telemetry(),
        )

    def upload(self, photo: bytes, suffix: str = "") -> str:
        """Put a photo under a new UUID, as {prefix}{uuid}{suffix}, and leave it to S3 to announce it; its image id.

        Raises StorageError.
        """
        image_id, _ = self._put(photo, suffix)
        return image_id

    def submit(self, photo: bytes, suffix: str = "") -> str:
        """Put a photo as `upload` does, and ask for its score at once; its image id. Raises StorageError.

        A request that cannot be sent is only warned of: S3's notification stands in for it, a second later.
        """
        begun = self._now()
        image_id, stored = self._put(photo, suffix)
        try:
            self._requests.send(direct_request(image_id, stored, begun))
        except QueueError as error:
            self._telemetry.warn("request_failed", image_id=image_id, reason=str(error))
        return image_id

    def _put(self, photo: bytes, suffix: str) -> tuple[str, S3Object]:
        image_id = str(uuid.uuid4())
        return image_id, self._photos.put(self._bucket, f"{self._prefix}{image_id}{suffix}", photo)

    def wait(self, image_id: str, timeout: float) -> Result:
        """Wait for a result, up to `timeout` seconds. Raises TimeoutError, StoreError.

        It subscribes before it looks: a result written before is found, one written after is announced.
        """
        deadline = self._clock() + timeout
        photo = PhotoId(image_id, self._owner)
        with self._store.announcements(photo) as announcements:
            stored = self._store.find([photo])[0]
            while stored is None and (left := deadline - self._clock()) > 0:
                stored = announcements.next(left)
        if stored is None:
            raise TimeoutError(
                f"no result for {image_id} within {timeout:g} s; does a worker run, and what does it log?"
            )
        return stored


def direct_request(image_id: str, stored: S3Object, uploaded_at: datetime) -> dict[str, str]:
    """Ask for the score of an object that the PUT's answer described; `uploaded_at` is when the PUT began.

    By the ETag the worker knows S3's own notification of the same bytes again.
    """
    fields = {
        "image_id": image_id,
        "bucket": stored.bucket,
        "key": stored.key,
        "version_id": stored.version_id,
        "etag": stored.etag,
        "uploaded_at": timestamp(uploaded_at),
    }
    return {name: value for name, value in fields.items() if value is not None}
