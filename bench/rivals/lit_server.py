"""LitServe, a rival of the door: an HTTP server in Python whose worker processes take batches.

    python -m bench.rivals.lit_server PORT

Configured as its guide recommends: for the CPU a worker process a core, each with a replica of the
model on one thread, like the worker's; as many HTTP processes; batches; photos as files in a form.
A worker process decodes the photos of its batch, with the worker's own decoding, and then infers:
LitServe has no stage before the batch.
"""

import sys

import litserve
import numpy as np
import numpy.typing as npt

from bench.door.wires import FIELD
from bench.rivals.photo_task import Frozen
from worker.settings.cores import cores

CORES = cores()
LARGEST = 32  # photos a batch, as the worker's
WAIT = 0.005  # seconds for a fuller batch, as Mosec's; with 0, its default, an idle process spins


class Scoring(litserve.LitAPI):  # type: ignore[misc] # LitServe is not installed where types are checked
    """What a worker process does."""

    def setup(self, device: str) -> None:
        """Load the model."""
        self._frozen = Frozen(threads=1, largest_batch=LARGEST)

    def decode_request(self, request: litserve.Request) -> npt.NDArray[np.uint8]:
        """Decode one photo."""
        return self._frozen.prepare(request[FIELD].file.read())

    def batch(self, inputs: list[npt.NDArray[np.uint8]]) -> npt.NDArray[np.uint8]:
        """Make one array of several."""
        return np.stack(inputs)

    def predict(self, batch: npt.NDArray[np.uint8]) -> list[int]:
        """Score a batch."""
        return self._frozen.scores(batch)

    def unbatch(self, output: list[int]) -> list[int]:
        """Return the scores one by one."""
        return output

    def encode_response(self, output: int) -> dict[str, int]:
        """Make the answer."""
        return {"score": output}


def main() -> None:
    """Serve until SIGTERM."""
    api = Scoring(max_batch_size=LARGEST, batch_timeout=WAIT)
    server = litserve.LitServer(api, accelerator="cpu", devices=1, workers_per_device=CORES)
    server.run(host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False, log_level="warning")


if __name__ == "__main__":
    main()
