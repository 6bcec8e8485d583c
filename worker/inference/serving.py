"""Which models serve now, and in which versions; another set of them takes over between two batches."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from worker.inference.bundle import Bundle
from worker.messages import Outputs


class Model(Protocol):
    """What runs a model, whatever the runtime."""

    @property
    def bundle(self) -> Bundle:
        """What its outputs mean."""
        ...

    @property
    def largest_batch(self) -> int:
        """Most photos per call."""
        ...

    def predict(self, batch: npt.NDArray[np.uint8]) -> Outputs:
        """Run on uint8 [N, height, width, 3]; role → array of N rows. Raises ModelError, BatchTooLargeError."""
        ...


Replica = Sequence[Model]  # all models side by side on one device; called by one thread


class Serving:
    """Read by all threads; a batch runs on the replica that its thread has read, to the end."""

    def __init__(self, replicas: Sequence[Replica]) -> None:
        self._replicas = tuple(replicas)

    @property
    def replicas(self) -> Sequence[Replica]:
        """As many as there are threads to call them."""
        return self._replicas

    @property
    def versions(self) -> Mapping[str, str]:
        """Model name → version."""
        return versions(self._replicas[0])

    def take_up(self, replicas: Sequence[Replica]) -> None:
        """Let others serve from the next batch on; as many as before."""
        if len(replicas) != len(self._replicas):
            raise ValueError(f"{len(replicas)} replicas cannot take the place of {len(self._replicas)}")
        self._replicas = tuple(replicas)  # one reference: who reads it gets all of the old or all of the new


def versions(replica: Replica) -> Mapping[str, str]:
    """Model name → version."""
    return {model.bundle.name: model.bundle.version for model in replica}
