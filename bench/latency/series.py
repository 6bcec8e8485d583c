"""A numbered series of photos for the worker's bucket, and how one is uploaded."""

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

MIX = ("small", "3 MP")  # half of each: what arrives is not all alike, and that makes queues
PERIOD = 997  # photos after which the order of the mix repeats


class Series:
    """Photos 0, 1, 2 …; any thread may put any number. A name is used once a run: it makes the image ids."""

    def __init__(self, name: str, photos: list[bytes]) -> None:
        self._name = name
        self._photos = photos
        self._s3: Any = boto3.client("s3", config=Config(max_pool_connections=SENDERS))

    def image_id(self, number: int) -> str:
        """Name a photo."""
        return image_id(self._name, 0, number)

    def put(self, number: int) -> S3Object:
        """Upload a photo; what was stored. Raises BenchError."""
        name = self.image_id(number)
        key, body = f"uploads/{name}.jpg", as_upload(self._photos[number % len(self._photos)], name)
        try:
            answer = self._s3.put_object(Bucket=WORKERS, Key=key, Body=body)
        except (BotoCoreError, ClientError) as error:
            raise BenchError(f"a photo could not be uploaded: {error}") from None
        return S3Object(WORKERS, key, etag=answer["ETag"].strip('"'), size=len(body))


def mixed(seed: int) -> list[bytes]:
    """Photos of MIX in a drawn order."""
    draw, samples = random.Random(seed), {kind: jpegs(kind) for kind in MIX}
    return [draw.choice(samples[draw.choice(MIX)]) for _ in range(PERIOD)]
