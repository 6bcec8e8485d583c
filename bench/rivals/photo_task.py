"""What the rivals share: events, downloads, the model, Redis."""

import json
import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote_plus

import boto3
import numpy as np
import numpy.typing as npt
import redis

from worker import settings
from worker.inference import bundle
from worker.inference.model_loader import ModelLoader
from worker.photos import decoding
from worker.telemetry.counters import Telemetry

ENOUGH = 10**8  # pixels; no limit for these photos
SCORES = np.arange(1, 6)


def photos_of(body: str) -> Iterator[tuple[str, str]]:
    """Read the bucket and key of each photo in an S3 event."""
    for record in json.loads(body).get("Records", []):
        yield record["s3"]["bucket"]["name"], unquote_plus(record["s3"]["object"]["key"])


class Photos:
    """Downloads in the way of boto3's guide."""

    def __init__(self) -> None:
        self._s3: Any = boto3.client("s3")

    def read(self, bucket: str, key: str) -> bytes:
        """Read an object's bytes."""
        data: bytes = self._s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        return data


class Results:
    """Scores in the worker's Redis, under a prefix of their own, published like the worker's."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._redis: Any = redis.Redis.from_url(os.environ["WORKER_REDIS_URL"])

    def write(self, key: str, score: int) -> None:
        """Store and publish the score of the photo under this S3 key."""
        name = f"{self._prefix}:{key.rsplit('/', 1)[-1].removesuffix('.jpg')}"
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.set(name, score)
            pipe.publish(name, score)
            pipe.execute()


class Frozen:
    """The worker's own decoding, and one replica of its model on the engine in WORKER_ENGINE."""

    def __init__(self, *, threads: int, largest_batch: int = 1) -> None:
        """Load the model on `threads` threads; warm up for calls of up to `largest_batch` photos."""
        # Importing takes seconds, and a parent of forked processes must not import TensorFlow.
        from worker.adapters.engines import Engines

        changed = settings.load(os.environ).model_copy(
            update={"replicas": 1, "model_threads": threads, "batch_size": largest_batch}
        )
        found = bundle.read(changed.model[0])
        self._target = found.manifest.input.target
        loader = ModelLoader(changed, Telemetry(), Engines(), cores=threads)
        ((self._model,),) = loader.load([found])
        decoding.warm_up(self._target)

    def prepare(self, data: bytes) -> npt.NDArray[np.uint8]:
        """Decode as the worker does, at reduced size."""
        return decoding.prepare(data, self._target, ENOUGH)[0]

    def scores(self, batch: npt.NDArray[np.uint8]) -> list[int]:
        """Score photos, [N, height, width, 3]."""
        return [int(mean + 0.5) for mean in self.means(batch)]

    def means(self, batch: npt.NDArray[np.uint8]) -> list[float]:
        """Score photos, before the scores are rounded: 1 to 5."""
        return [float(row @ SCORES) for row in self._model.predict(batch)["score_probs"]]


def round_score(probabilities: npt.NDArray[Any]) -> int:
    """Round the mean of a distribution over five scores, halves up."""
    return int(probabilities @ SCORES + 0.5)
