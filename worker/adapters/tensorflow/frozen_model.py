"""TensorFlow: the runtime's set-up, and a frozen graph on one device as a model."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from worker.adapters.tensorflow.frozen_graph import Graph, as_function, first_line, freeze
from worker.adapters.tensorflow.quiet_import import start_up_chatter_muted
from worker.adapters.tensorflow.warm_up import Warmth, warm_up
from worker.errors import BatchTooLargeError, ConfigurationError, ModelError
from worker.inference.bundle import Bundle
from worker.messages import Outputs

with start_up_chatter_muted():
    import tensorflow as tf

    DEVICES = [device.name for device in tf.config.list_physical_devices()]
    GPUS = [device.name for device in tf.config.list_physical_devices("GPU")]

Batch = npt.NDArray[np.uint8]  # [N, height, width, 3], RGB
Precision = Literal["float32", "mixed"]


def configure(threads: int, callers: int = 1, precision: Precision = "float32") -> None:
    """Set up the runtime; before any other use, once a process. Raises ConfigurationError for mixed without a GPU.

    `threads` are the CPU threads that one model call may use (0: one a core), `callers` the calls that may run at once.
    """
    if precision == "mixed":
        if not GPUS:
            raise ConfigurationError("WORKER_PRECISION=mixed needs a GPU, and TensorFlow sees none here")
        # Grappler rewrites the frozen graph when a device first runs it; what needs float32 keeps it.
        tf.config.optimizer.set_experimental_options({"auto_mixed_precision": True})
    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads or (os.cpu_count() or 1))
        tf.config.threading.set_inter_op_parallelism_threads(callers)  # with one, calls wait for each other
        for device in tf.config.list_physical_devices("GPU"):
            tf.config.experimental.set_memory_growth(device, True)
    except RuntimeError:
        pass  # already running with the settings of the first call, as when one process builds several workers


def devices() -> list[str]:
    """Names of the devices that models run on: the GPUs, or else the CPU. Starts the runtime: `configure` first."""
    found = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    return [device.name for device in found]


class FrozenModel:
    """One frozen graph on one device; threads may share it."""

    def __init__(
        self,
        bundle: Bundle,
        largest_batch: int,
        *,
        device: str | None = None,
        pad_to: Sequence[int] = (),
        padded: Callable[[int], None] = lambda _: None,
        graph: Graph | None = None,
    ) -> None:
        """Load, freeze and check, unless there is a `graph` of this bundle already, as for a second device.

        `pad_to` are the only batch sizes that run, rising to `largest_batch`; `padded` hears how many rows of a call
        were added and dropped. Raises ConfigurationError when model and bundle do not fit each other.
        """
        self._bundle = bundle
        self._device = device
        self._sizes = [size for size in pad_to or range(1, largest_batch + 1) if size <= largest_batch]
        self._padded = padded
        self._roles = tuple(bundle.manifest.outputs.by_role())
        self._graph = freeze(bundle) if graph is None else graph
        self._call = as_function(self._graph, bundle)
        self._warmth = Warmth(largest_batch, {})

    @property
    def bundle(self) -> Bundle:
        """What the outputs mean."""
        return self._bundle

    @property
    def graph(self) -> Graph:
        """The same for every device."""
        return self._graph

    @property
    def device(self) -> str | None:
        """Where it runs; None: where TensorFlow thinks best."""
        return self._device

    @property
    def largest_batch(self) -> int:
        """Most photos per call."""
        return self._warmth.largest_batch

    @property
    def seconds_by_size(self) -> Mapping[int, float]:
        """What a call took at warm-up, by batch size: some sizes between 1 and the largest."""
        return self._warmth.seconds_by_size

    def predict(self, batch: Batch) -> Outputs:
        """Run on uint8 [N, height, width, 3]; role → array of N rows. Raises ModelError, BatchTooLargeError."""
        size = len(batch)
        fill = next((allowed for allowed in self._sizes if allowed >= size), size) - size
        if fill:
            batch = np.concatenate([batch, np.zeros((fill, *batch.shape[1:]), np.uint8)])
            self._padded(fill)
        try:
            rows = [tensor.numpy() for tensor in self._run(batch)]
            return {
                role: answer[:size] if fill else answer
                for role, answer in zip(self._roles, rows, strict=True)
            }
        except (tf.errors.ResourceExhaustedError, MemoryError) as error:
            raise BatchTooLargeError(f"model {self._bundle.name}: {first_line(error)}") from error
        except (tf.errors.OpError, ValueError, TypeError) as error:
            raise ModelError(f"model {self._bundle.name}: {first_line(error)}") from error

    def _run(self, batch: Batch) -> list[Any]:
        with tf.device(self._device):  # the bytes go there as they are
            return self._call(tf.constant(batch))

    def warm_up(self, between: Callable[[], None] = lambda: None) -> None:
        """Run every batch size once, calling `between` before each. Raises ConfigurationError on a misfit."""
        self._warmth = warm_up(self.predict, self._bundle, self._sizes, between)
