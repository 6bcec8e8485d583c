"""What LiteRT's and OpenVINO's models share: they run a batch photo by photo.

That is the fastest way on a CPU, and needs memory for the activations of one photo only. Several
replicas use several cores.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from worker.errors import BatchTooLargeError, ModelError, first_line
from worker.inference.bundle import Bundle
from worker.inference.runtimes import Checkpoint
from worker.inference.serving import Photos
from worker.inference.warm_up import sizes_to_time, warm_up
from worker.messages import Outputs

WARM_UP_SIZES = (1, 2)  # larger batches are only more of the same calls
# Longest duration of a batch: its photos wait for one another and gain nothing from a larger one.
MAX_BATCH_SECONDS = 0.05


class PhotoByPhoto(ABC):
    """A model for one caller at a time; see LoadedModel."""

    def __init__(self, bundle: Bundle, largest_batch: int) -> None:
        self.bundle = bundle
        self.largest_batch = largest_batch  # the warm-up limits it to MAX_BATCH_SECONDS
        self.seconds_by_size: Mapping[int, float] = {}

    @abstractmethod
    def run(self, photo: Photos) -> Sequence[npt.NDArray[Any]]:
        """Run one photo [1, height, width, 3]: the outputs [1, …] in the order of the roles, as arrays of their own.

        May raise MemoryError, RuntimeError and ValueError.
        """

    def predict(self, batch: Photos) -> Outputs:
        """Run the photos of a batch one by one; see Predictor."""
        try:
            rows = [self.run(batch[index : index + 1]) for index in range(len(batch))]
            outputs = [np.concatenate(parts) for parts in zip(*rows, strict=True)]
        except MemoryError as error:
            raise BatchTooLargeError(f"model {self.bundle.name}: {first_line(error)}") from error
        except (RuntimeError, ValueError) as error:
            raise ModelError(f"model {self.bundle.name}: {first_line(error)}") from error
        return dict(zip(self.bundle.manifest.outputs.by_role(), outputs, strict=True))

    def warm_up(self, checkpoint: Checkpoint = lambda: None) -> None:
        """Run, check and time it, and set the largest batch from that; see LoadedModel."""
        sizes = [size for size in WARM_UP_SIZES if size <= self.largest_batch]
        timed = warm_up(self.predict, self.bundle, sizes, checkpoint).seconds_by_size
        each = min(seconds / size for size, seconds in timed.items())
        self.largest_batch = max(1, min(self.largest_batch, round(MAX_BATCH_SECONDS / max(each, 1e-9))))
        self.seconds_by_size = {
            size: each * size for size in sorted(sizes_to_time(range(1, self.largest_batch + 1)))
        }
