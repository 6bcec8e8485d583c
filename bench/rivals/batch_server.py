"""Mosec, the rival with dynamic batches: an HTTP server that decodes in processes.

    MOSEC_PORT=… python -m bench.rivals.batch_server

Why Mosec: it is maintained, is one small package, and batching is its core. LitServe and Ray Serve
batch too, but through an asyncio server in Python, and Ray needs a cluster. celery-batches would
share the queue, but it keeps Celery below 5.7, and every process decodes and infers in turn, with a
model of its own. `batch_consumer.py` feeds the server from SQS.
"""

import os

import numpy as np
import numpy.typing as npt
from mosec import Server, Worker

from bench.rivals.photo_task import ENOUGH, Frozen
from worker.inference import bundle
from worker.photos import decoding
from worker.settings.cores import cores

CORES = cores()
LARGEST = 32  # photos a batch, as the worker's
WAIT = 5  # milliseconds for a fuller batch; Mosec needs at least one


class Decode(Worker):
    """One process a core, with the worker's own decoding."""

    req_mime_type = "image/jpeg"

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # Mosec gives it no signature
        self._target = bundle.read(os.environ["WORKER_MODEL"]).manifest.input.target
        decoding.warm_up(self._target)

    def deserialize(self, data: bytes) -> bytes:
        """Return the body unchanged."""
        return data

    def forward(self, data: bytes) -> npt.NDArray[np.uint8]:
        """Decode one photo."""
        return decoding.prepare(data, self._target, ENOUGH)[0]


class Infer(Worker):
    """One process a core, each with a replica of the model on one thread, like the worker's."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # Mosec gives it no signature
        self._frozen = Frozen(threads=1, largest_batch=LARGEST)

    def forward(self, batch: list[npt.NDArray[np.uint8]]) -> list[int]:
        """Score a batch."""
        return self._frozen.scores(np.stack(batch))


def main() -> None:
    """Serve until SIGTERM."""
    server = Server()
    server.append_worker(Decode, num=CORES)
    server.append_worker(Infer, num=CORES, max_batch_size=LARGEST, max_wait_time=WAIT)
    server.run()


if __name__ == "__main__":
    main()
