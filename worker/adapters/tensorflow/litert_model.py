"""LiteRT: TensorFlow's own runtime for CPUs (XNNPACK), on a graph converted from the frozen one.

An interpreter serves one thread. It runs photo by photo: that is where XNNPACK is fastest on a CPU, and it keeps the
memory of one photo's activations only. Cores are put to use by several interpreters.
"""

import re
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from worker.adapters.tensorflow.frozen_graph import first_line, input_spec
from worker.adapters.tensorflow.frozen_model import FrozenModel
from worker.adapters.tensorflow.quiet_import import start_up_chatter_muted
from worker.adapters.tensorflow.warm_up import Warmth, telling, warm_up
from worker.errors import BatchTooLargeError, ConversionError, ModelError
from worker.inference.bundle import Bundle
from worker.messages import Outputs

with start_up_chatter_muted():
    import tensorflow as tf

TRIED = (1, 2)  # batch sizes of the warm-up: every larger one is only more of the same calls
AT_ONCE = (
    0.05  # seconds that a batch may take: its photos wait for one another, and none runs faster in company
)


def convert(model: FrozenModel) -> bytes:
    """Translate the graph for one photo a call; nothing is quantized.

    Raises ConversionError when LiteRT's own operations do not cover it, or when it has operations with side effects –
    assertions, random numbers –, which the translation drops or changes without a word.
    """
    bundle, graph = model.bundle, model.graph
    operations: Any = graph.graph.get_operations()  # type: ignore[attr-defined] # TensorFlow ships no types
    effects = sorted({op.type for op in operations if op.op_def.is_stateful})
    if effects:
        raise ConversionError(f"{bundle.path} has operations with side effects ({', '.join(effects)})")

    def by_name(images: Any) -> dict[str, Any]:
        return dict(zip(bundle.manifest.outputs.by_role(), graph(images), strict=True))

    try:
        with start_up_chatter_muted():
            function = tf.function(by_name, autograph=False).get_concrete_function(input_spec(bundle, 1))
            converter = tf.lite.TFLiteConverter.from_concrete_functions([function], tf.Module())
            return bytes(converter.convert())
    except Exception as error:  # noqa: BLE001 - the converter raises nearly anything
        raise ConversionError(f"{bundle.path} cannot be converted for LiteRT: {_cause(error)}") from None


class InterpretedModel:
    """One interpreter with `threads` CPU threads; for one thread at a time, which it leaves free of the GIL."""

    def __init__(self, bundle: Bundle, converted: bytes, largest_batch: int, threads: int) -> None:
        """Load what `convert` gave. Raises ConversionError when LiteRT cannot run it."""
        self._bundle = bundle
        self._warmth = Warmth(largest_batch, {})
        try:
            # It announces its move to a package of its own; TensorFlow still ships it, and pins fix which one.
            with start_up_chatter_muted(), warnings.catch_warnings():
                warnings.filterwarnings("ignore", message=r"\s*Warning: tf.lite.Interpreter is deprecated")
                self._interpreter = tf.lite.Interpreter(model_content=converted, num_threads=threads)
                self._interpreter.allocate_tensors()
                signature = self._interpreter.get_signature_runner()
        except (RuntimeError, ValueError) as error:
            raise ConversionError(f"{bundle.path} does not load in LiteRT: {first_line(error)}") from None
        self._input = signature.get_input_details()["images"]["index"]
        outputs = signature.get_output_details()
        self._outputs = {role: outputs[role]["index"] for role in bundle.manifest.outputs.by_role()}

    @property
    def bundle(self) -> Bundle:
        """What the outputs mean."""
        return self._bundle

    @property
    def largest_batch(self) -> int:
        """Most photos per call: at first as many as allowed; after the warm-up, as run in AT_ONCE."""
        return self._warmth.largest_batch

    @property
    def seconds_by_size(self) -> Mapping[int, float]:
        """What a call took at warm-up, by batch size: the largest tried, shared out."""
        return self._warmth.seconds_by_size

    def predict(self, batch: npt.NDArray[np.uint8]) -> Outputs:
        """Run on uint8 [N, height, width, 3]; role → array of N rows. Raises ModelError, BatchTooLargeError."""
        rows: dict[str, list[npt.NDArray[Any]]] = {role: [] for role in self._outputs}
        try:
            for index in range(len(batch)):
                self._interpreter.set_tensor(self._input, batch[index : index + 1])
                self._interpreter.invoke()
                for role, tensor in self._outputs.items():
                    rows[role].append(self._interpreter.get_tensor(tensor))
            return {role: np.concatenate(parts) for role, parts in rows.items()}
        except MemoryError as error:
            raise BatchTooLargeError(f"model {self._bundle.name}: {first_line(error)}") from error
        except (RuntimeError, ValueError) as error:
            raise ModelError(f"model {self._bundle.name}: {first_line(error)}") from error

    def warm_up(self, between: Callable[[], None] = lambda: None) -> None:
        """Run, check and see how long a photo takes. Raises ConfigurationError on a misfit."""
        allowed = self._warmth.largest_batch
        tried = warm_up(self.predict, self._bundle, [size for size in TRIED if size <= allowed], between)
        each = min(seconds / size for size, seconds in tried.seconds_by_size.items())
        largest = max(1, min(allowed, round(AT_ONCE / max(each, 1e-9))))
        self._warmth = Warmth(largest, {size: each * size for size in sorted(telling(range(1, largest + 1)))})


def _cause(error: Exception) -> str:
    """The operations that are to blame, out of pages of the converter's own representation."""
    unknown = sorted(set(re.findall(r"'tf\.(\w+)' op is neither", str(error))))
    return f"it has no operation {', '.join(unknown)} for these types" if unknown else first_line(error)
