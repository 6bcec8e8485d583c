"""A frozen graph on one of TensorFlow's devices as a model."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from worker.adapters.quiet_import import mute_startup_output
from worker.adapters.tensorflow.frozen_graph import input_spec
from worker.errors import BatchTooLargeError, ModelError, first_line
from worker.inference.runtimes import Checkpoint, FrozenGraph
from worker.inference.serving import Photos
from worker.inference.warm_up import sizes_to_time, warm_up
from worker.messages import Outputs

with mute_startup_output():
    import tensorflow as tf


class FrozenModel:
    """A frozen graph on one device; threads may share it."""

    engine: Final = "tensorflow"

    def __init__(
        self,
        graph: FrozenGraph,
        sizes: Sequence[int],
        count_padding: Callable[[int], None] = lambda _: None,
        device: str | None = None,
    ) -> None:
        """Run batches of the rising `sizes` only; without a `device`, TensorFlow picks one."""
        self.bundle = graph.bundle
        self.largest_batch = sizes[-1]  # until the warm-up finds too little memory for it
        self.seconds_by_size: Mapping[int, float] = {}
        self._device = device
        self._sizes = sizes
        self._count_padding = count_padding
        self._roles = tuple(graph.bundle.manifest.outputs.by_role())
        # Wrapped: a direct call of the graph formats the whole batch as text, holding the GIL.
        function = tf.function(graph.function, autograph=False)
        self._call = function.get_concrete_function(input_spec(graph.bundle))

    def predict(self, batch: Photos) -> Outputs:
        """Run a batch, padded to an allowed size; see Predictor."""
        size = len(batch)
        padding = next((allowed for allowed in self._sizes if allowed >= size), size) - size
        if padding:
            batch = np.concatenate([batch, np.zeros((padding, *batch.shape[1:]), np.uint8)])
            self._count_padding(padding)
        try:
            tensors = [tensor.numpy() for tensor in self._run(batch)]
        except (tf.errors.ResourceExhaustedError, MemoryError) as error:
            raise BatchTooLargeError(f"model {self.bundle.name}: {first_line(error)}") from error
        except (tf.errors.OpError, ValueError, TypeError) as error:
            raise ModelError(f"model {self.bundle.name}: {first_line(error)}") from error
        return {
            role: rows[:size] if padding else rows for role, rows in zip(self._roles, tensors, strict=True)
        }

    def _run(self, batch: Photos) -> list[Any]:
        with tf.device(self._device):  # copied there as uint8
            tensors: list[Any] = self._call(tf.constant(batch))
        return tensors

    def warm_up(self, checkpoint: Checkpoint = lambda: None) -> None:
        """Run the allowed batch sizes; see LoadedModel.

        On a CPU a batch of a new size costs 8 to 18 ms more, once; on a GPU it may cost seconds.
        """
        on_gpu = "GPU" in (self._device or "")
        sizes = self._sizes if on_gpu else sorted(sizes_to_time(self._sizes))
        self.largest_batch, self.seconds_by_size = warm_up(self.predict, self.bundle, sizes, checkpoint)
