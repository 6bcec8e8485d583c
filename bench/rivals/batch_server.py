"""Mosec as the peer that takes batches: an HTTP server that decodes in processes and infers in dynamic batches.

    MOSEC_PORT=… python -m tests.bench.batch_server

Chosen because it is kept up, is one small package, and batches at its core. LitServe and Ray Serve batch too, but
through an asyncio server in Python, and Ray brings a cluster along. celery-batches would share the queue, yet holds
Celery below 5.7, and decodes and infers in turn in every process, each with a model of its own. `batch_consumer.py`
feeds it from SQS.
"""

import os

import numpy as np
import numpy.typing as npt
from mosec import Server, Worker

from bench.rivals.photo_task import ENOUGH, Frozen
from worker.inference import bundle
from worker.photos import decoding

CORES = os.cpu_count() or 1
LARGEST = 32  # photos a batch, as the worker's
WAIT = 5  # milliseconds for a fuller batch; Mosec wants at least one


class Decode(Worker):
    """One process a core: the worker's own decoding."""

    req_mime_type = "image/jpeg"

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # Mosec gives it no signature
        self._target = bundle.read(os.environ["WORKER_MODEL"]).manifest.input.target
        decoding.warm_up(self._target)

    def deserialize(self, data: bytes) -> bytes:
        """Take the body as it is."""
        return data

    def forward(self, data: bytes) -> npt.NDArray[np.uint8]:
        """Decode one photo."""
        return decoding.prepare(data, self._target, ENOUGH)[0]


class Infer(Worker):
    """A process a core, each with a replica of the model on one thread, as the worker has them."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # Mosec gives it no signature
        self._frozen = Frozen(threads=1, largest_batch=LARGEST)

    def forward(self, batch: list[npt.NDArray[np.uint8]]) -> list[int]:
        """Score a batch."""
        return self._frozen.scores(np.stack(batch))


def main() -> None:
    """Serve until told to stop."""
    server = Server()
    server.append_worker(Decode, num=CORES)
    server.append_worker(Infer, num=CORES, max_batch_size=LARGEST, max_wait_time=WAIT)
    server.run()


if __name__ == "__main__":
    main()
