"""Holds the replicas that serve now; another set can replace them between two batches."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from worker.inference.bundle import Bundle
from worker.messages import Outputs

Photos = npt.NDArray[np.uint8]  # RGB [N, height, width, 3]


class Predictor(Protocol):
    """Anything that answers like a model."""

    def predict(self, batch: Photos) -> Outputs:
        """Run on uint8 [N, height, width, 3]; role → array of N rows.

        Raises ModelError, BatchTooLargeError.
        """


class Model(Predictor, Protocol):
    """A model on any runtime."""

    @property
    def bundle(self) -> Bundle:
        """Explains the outputs."""

    @property
    def largest_batch(self) -> int:
        """Most photos per call."""


Replica = Sequence[Model]  # all models side by side on one device; called by one thread


class Serving:
    """Shared by all threads; a batch runs to its end on the replica that its thread took."""

    def __init__(self, replicas: Sequence[Replica]) -> None:
        self._replicas = tuple(replicas)

    @property
    def replicas(self) -> Sequence[Replica]:
        """One for each thread that calls models."""
        return self._replicas

    @property
    def versions(self) -> Mapping[str, str]:
        """Model name → version."""
        return versions(self._replicas[0])

    def replace(self, replicas: Sequence[Replica]) -> None:
        """Serve from these replicas from the next batch on; there must be as many as before."""
        if len(replicas) != len(self._replicas):
            raise ValueError(f"{len(replicas)} replicas cannot replace {len(self._replicas)}")
        self._replicas = tuple(replicas)  # one assignment: nobody reads a mixture


def versions(replica: Replica) -> Mapping[str, str]:
    """Model name → version."""
    return {model.bundle.name: model.bundle.version for model in replica}
