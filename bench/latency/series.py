"""A numbered series of photos for a bucket, and their upload."""

import random
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from bench.latency.sending import SENDERS
from bench.photos import as_upload, image_id, jpegs
from bench.processes import BenchError
from bench.rig import WORKERS
from worker.messages import S3Object

MIX = ("small", "3 MP")  # half of each: unequal photos make queues
PERIOD = 997  # photos after which the order of the mix repeats


class Series:
    """Photos 0, 1, 2 … for any thread to put. The name makes the image ids: use it once a run."""

    def __init__(self, name: str, photos: list[bytes], bucket: str = WORKERS) -> None:
        self._name = name
        self._bucket = bucket
        self._photos = photos
        self._s3: Any = boto3.client("s3", config=Config(max_pool_connections=SENDERS))

    def image_id(self, number: int) -> str:
        """Return the id of a photo."""
        return image_id(self._name, 0, number)

    def put(self, number: int) -> S3Object:
        """Upload a photo; return the stored object. Raises BenchError."""
        name = self.image_id(number)
        key, body = f"uploads/{name}.jpg", as_upload(self._photos[number % len(self._photos)], name)
        try:
            answer = self._s3.put_object(Bucket=self._bucket, Key=key, Body=body)
        except (BotoCoreError, ClientError) as error:
            raise BenchError(f"a photo could not be uploaded: {error}") from None
        return S3Object(self._bucket, key, etag=answer["ETag"].strip('"'), size=len(body))


def draw_photos(seed: int) -> list[bytes]:
    """Draw photos of MIX."""
    draw, samples = random.Random(seed), {kind: jpegs(kind) for kind in MIX}
    return [draw.choice(samples[draw.choice(MIX)]) for _ in range(PERIOD)]
