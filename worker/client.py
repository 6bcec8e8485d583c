"""The API's side: upload a photo, ask for its score, wait for the result without missing it."""

import re
import time
import uuid
from datetime import UTC, datetime
from itertools import product

from worker.adapters.aws import s3
from worker.adapters.aws.direct_requests import RequestSender
from worker.connections import result_store
from worker.errors import ConfigurationError, NoImageIdError, QueueError
from worker.intake.events import photo_id, safe_id
from worker.messages import PhotoId, S3Object
from worker.result import Result, timestamp
from worker.settings import Settings
from worker.telemetry.counters import Telemetry


class Client:
    """Uploads to the first bucket of the worker's settings; uses their queue and their Redis."""

    def __init__(
        self, settings: Settings, telemetry: Telemetry | None = None, prefix: str = "uploads/"
    ) -> None:
        """Connect to Redis. `prefix` is the start of each key, before the image id; a folder may lack its slash.

        Raises ConfigurationError, also when S3's notification would not name the photos by such keys.
        """
        self._pattern = re.compile(settings.image_id_pattern)
        self._prefix, self._owner = self._choose_prefix(prefix)
        self._bucket = settings.buckets[0]
        self._telemetry = telemetry or Telemetry()
        self._store = result_store(settings)
        self._photos = s3.Photos(4, time.monotonic)
        self._requests = RequestSender(settings.queue_url)

    def upload(self, photo: bytes, suffix: str = "", *, image_id: str = "") -> str:
        """Put a photo as {prefix}{image_id}{suffix} and return its image id; S3 announces it.

        `image_id`: of an earlier try with this photo; empty for a new photo.
        Raises StorageError, and NoImageIdError if the worker would read another id from that key.
        """
        image_id, _ = self._put(photo, suffix, image_id)
        return image_id

    def submit(self, photo: bytes, suffix: str = "", *, image_id: str = "") -> str:
        """Put a photo as `upload` does, and ask for its score at once. Raises what `upload` raises.

        If the request cannot be sent, this logs a warning: S3's notification comes a second later.
        """
        started = datetime.now(UTC)
        image_id, s3_object = self._put(photo, suffix, image_id)
        try:
            self._requests.send(direct_request(image_id, s3_object, started))
        except QueueError as error:
            self._telemetry.warn("request_failed", image_id=image_id, reason=str(error))
        return image_id

    def wait(self, image_id: str, timeout: float) -> Result:
        """Wait up to `timeout` seconds for a result.

        It looks after each message of its subscription, and once more before it gives up: an
        announcement is only a reason to look. So it misses none, even if its connection is cut.
        Raises TimeoutError, StoreError, and NoImageIdError for an id that no photo can have.
        """
        deadline = time.monotonic() + timeout
        photo = safe_id(image_id, self._owner)
        with self._store.announcements(photo) as announcements:
            left = timeout
            while (result := self._store.find([photo])[0]) is None and left > 0:
                announcements.wait(left)
                left = deadline - time.monotonic()
        if result is None:
            raise TimeoutError(
                f"no result for {image_id} within {timeout:g} s; is a worker running, and what does it log?"
            )
        return result

    def _put(self, photo: bytes, suffix: str, image_id: str) -> tuple[str, S3Object]:
        image_id = image_id or str(uuid.uuid4())
        key = f"{self._prefix}{image_id}{suffix}"
        self._read_key(key, image_id)
        return image_id, self._photos.put(self._bucket, key, photo)

    def _choose_prefix(self, prefix: str) -> tuple[str, str]:
        """Return the prefix, with a slash if keys name no photo without it, and the owner that it names."""
        sample, reason = str(uuid.uuid4()), ""
        starts = [prefix] if prefix.endswith("/") else [prefix, f"{prefix}/"]
        for start, suffix in product(starts, ("", ".jpg")):  # a pattern may ask for either
            try:
                return start, self._read_key(f"{start}{sample}{suffix}", sample).owner
            except NoImageIdError as error:
                reason = str(error)  # the last one, of a key with all its parts, says most
        raise ConfigurationError(reason)

    def _read_key(self, key: str, image_id: str) -> PhotoId:
        """Read a key as the worker reads it in S3's notification. Raises NoImageIdError if that is another photo."""
        photo = photo_id(key, self._pattern)
        if photo.image_id != image_id:
            raise NoImageIdError(f"the key {key!r} names the image id {photo.image_id}, not {image_id}")
        return photo


def direct_request(image_id: str, s3_object: S3Object, uploaded_at: datetime) -> dict[str, str]:
    """Make the message that asks for the score of an object; `uploaded_at` is when its PUT began.

    By the ETag the worker recognises S3's own notification of the same bytes.
    """
    fields = {
        "image_id": image_id,
        "bucket": s3_object.bucket,
        "key": s3_object.key,
        "version_id": s3_object.version_id,
        "etag": s3_object.etag,
        "uploaded_at": timestamp(uploaded_at),
    }
    return {name: value for name, value in fields.items() if value is not None}
