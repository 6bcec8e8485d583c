"""LiteRT, TensorFlow's own runtime for CPUs (XNNPACK), on a graph converted from the frozen one.

An interpreter serves one thread and runs photo by photo: XNNPACK is fastest that way on a CPU, and
needs memory for the activations of one photo only. Several interpreters use several cores.
"""

import re
import warnings
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from worker.adapters.tensorflow.frozen_graph import first_line, input_spec
from worker.adapters.tensorflow.quiet_import import mute_startup_output
from worker.adapters.tensorflow.warm_up import sizes_to_time, warm_up
from worker.errors import BatchTooLargeError, ConversionError, ModelError
from worker.inference.bundle import Bundle
from worker.inference.runtimes import Checkpoint, FrozenGraph
from worker.inference.serving import Photos
from worker.messages import Outputs

with mute_startup_output():
    import tensorflow as tf

WARM_UP_SIZES = (1, 2)  # larger batches are only more of the same calls
# Longest duration of a batch: its photos wait for one another and gain nothing from a larger one.
MAX_BATCH_SECONDS = 0.05


def convert(graph: FrozenGraph) -> bytes:
    """Convert a graph to LiteRT's format, for one photo a call; nothing is quantized.

    Raises ConversionError when LiteRT's own operations do not cover it, or when it has operations
    with side effects (assertions, random numbers), which the converter would silently drop or
    change.
    """
    bundle = graph.bundle
    operations = graph.function.graph.get_operations()
    effects = sorted({op.type for op in operations if op.op_def.is_stateful})
    if effects:
        raise ConversionError(f"{bundle.path} has operations with side effects ({', '.join(effects)})")

    def by_role(images: Any) -> dict[str, Any]:
        return dict(zip(bundle.manifest.outputs.by_role(), graph.function(images), strict=True))

    try:
        with mute_startup_output():
            function = tf.function(by_role, autograph=False).get_concrete_function(input_spec(bundle, 1))
            converter = tf.lite.TFLiteConverter.from_concrete_functions([function], tf.Module())
            return bytes(converter.convert())
    except Exception as error:  # noqa: BLE001 - the converter raises nearly anything
        raise ConversionError(f"{bundle.path} cannot be converted for LiteRT: {_cause(error)}") from None


class InterpretedModel:
    """One interpreter with `threads` CPU threads, for one caller at a time; it releases the GIL."""

    engine: Final = "litert"

    def __init__(self, bundle: Bundle, converted: bytes, largest_batch: int, threads: int) -> None:
        """Load the result of `convert`. Raises ConversionError when LiteRT cannot run it."""
        self.bundle = bundle
        self.largest_batch = largest_batch  # the warm-up limits it to MAX_BATCH_SECONDS
        self.seconds_by_size: Mapping[int, float] = {}
        try:
            # It warns that it moves to another package, but the TensorFlow that we pin has it.
            with mute_startup_output(), warnings.catch_warnings():
                warnings.filterwarnings("ignore", message=r"\s*Warning: tf.lite.Interpreter is deprecated")
                self._interpreter = tf.lite.Interpreter(model_content=converted, num_threads=threads)
                self._interpreter.allocate_tensors()
                signature = self._interpreter.get_signature_runner()
        except (RuntimeError, ValueError) as error:
            raise ConversionError(f"{bundle.path} does not load in LiteRT: {first_line(error)}") from None
        self._input = signature.get_input_details()["images"]["index"]
        outputs = signature.get_output_details()
        self._outputs = {role: outputs[role]["index"] for role in bundle.manifest.outputs.by_role()}

    def predict(self, batch: Photos) -> Outputs:
        """Run the photos of a batch one by one; see Predictor."""
        rows: dict[str, list[npt.NDArray[Any]]] = {role: [] for role in self._outputs}
        try:
            for index in range(len(batch)):
                self._interpreter.set_tensor(self._input, batch[index : index + 1])
                self._interpreter.invoke()
                for role, tensor in self._outputs.items():
                    rows[role].append(self._interpreter.get_tensor(tensor))
            return {role: np.concatenate(parts) for role, parts in rows.items()}
        except MemoryError as error:
            raise BatchTooLargeError(f"model {self.bundle.name}: {first_line(error)}") from error
        except (RuntimeError, ValueError) as error:
            raise ModelError(f"model {self.bundle.name}: {first_line(error)}") from error

    def warm_up(self, checkpoint: Checkpoint = lambda: None) -> None:
        """Run, check and time it, and set the largest batch from that; see LoadedModel."""
        sizes = [size for size in WARM_UP_SIZES if size <= self.largest_batch]
        timed = warm_up(self.predict, self.bundle, sizes, checkpoint).seconds_by_size
        each = min(seconds / size for size, seconds in timed.items())
        self.largest_batch = max(1, min(self.largest_batch, round(MAX_BATCH_SECONDS / max(each, 1e-9))))
        self.seconds_by_size = {
            size: each * size for size in sorted(sizes_to_time(range(1, self.largest_batch + 1)))
        }


def _cause(error: Exception) -> str:
    """Find the missing operations in pages of the converter's own representation."""
    unknown = sorted(set(re.findall(r"'tf\.(\w+)' op is neither", str(error))))
    return f"it has no operation {', '.join(unknown)} for these types" if unknown else first_line(error)
