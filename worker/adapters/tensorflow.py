"""TensorFlow: a bundle's SavedModel as one frozen graph with a fixed signature, warmed up for every batch size.

Variables become constants, so that grappler can fold them; the batch dimension stays open, so that nothing is ever
retraced; only the outputs that the bundle names are computed.
"""

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from worker.adapters.quiet import start_up_chatter_muted
from worker.bundle import Bundle
from worker.errors import BatchTooLargeError, ConfigurationError, ModelError
from worker.messages import Outputs

with start_up_chatter_muted():
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import (  # has no public name, but the guides use it
        convert_variables_to_constants_v2,
    )

    DEVICES = [device.name for device in tf.config.list_physical_devices()]

Batch = npt.NDArray[np.uint8]  # [N, height, width, 3], RGB


def configure(threads: int) -> None:
    """Set up the runtime; before any other use, once a process. `threads` are for one model call, 0: one a core."""
    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads or (os.cpu_count() or 1))
        tf.config.threading.set_inter_op_parallelism_threads(1)
        for device in tf.config.list_physical_devices("GPU"):
            tf.config.experimental.set_memory_growth(device, True)
    except RuntimeError:
        pass  # already running with the settings of the first call, as when one process builds several workers


class FrozenModel:
    """One loaded model; `predict` is for one thread at a time."""

    def __init__(self, bundle: Bundle, largest_batch: int) -> None:
        """Load, freeze and check. Raises ConfigurationError when model and bundle do not fit each other."""
        self._bundle = bundle
        self._largest_batch = largest_batch
        self._roles = bundle.manifest.outputs.by_role()
        self._graph = _frozen(bundle)

    @property
    def bundle(self) -> Bundle:
        """What the outputs mean."""
        return self._bundle

    @property
    def largest_batch(self) -> int:
        """Most photos per call."""
        return self._largest_batch

    def predict(self, batch: Batch) -> Outputs:
        """Run on uint8 [N, height, width, 3]; role → array of N rows. Raises ModelError, BatchTooLargeError."""
        try:
            outputs = self._graph(tf.constant(batch))
            return {role: tensor.numpy() for role, tensor in zip(self._roles, outputs, strict=True)}
        except (tf.errors.ResourceExhaustedError, MemoryError) as error:
            raise BatchTooLargeError(f"model {self._bundle.name}: {_first_line(error)}") from error
        except (tf.errors.OpError, ValueError, TypeError) as error:
            raise ModelError(f"model {self._bundle.name}: {_first_line(error)}") from error

    def warm_up(self, between: Callable[[], None] = lambda: None) -> None:
        """Run every batch size once, calling `between` before each: the first run of a size is slow.

        Raises ConfigurationError on a misfit.
        """
        given = self._bundle.manifest.input
        for size in range(1, self._largest_batch + 1):
            between()
            try:
                outputs = self.predict(np.zeros((size, given.height, given.width, 3), np.uint8))
            except BatchTooLargeError as error:
                if size == 1:
                    raise ConfigurationError(f"{self._bundle.path} does not fit: {error}") from None
                self._largest_batch = size - 1
                return
            except ModelError as error:
                raise ConfigurationError(f"{self._bundle.path} does not run: {error}") from None
            for role, rows in outputs.items():
                self._check_shape(role, rows.shape, size)
                if not np.issubdtype(rows.dtype, np.number):
                    raise ConfigurationError(
                        f"{self._bundle.path}: the output {self._roles[role]!r} ({role}) is {rows.dtype}, not numbers"
                    )

    def _check_shape(self, role: str, shape: tuple[int, ...], size: int) -> None:
        wanted: dict[str, list[tuple[int, ...]]]
        wanted = {"score_probs": [(size, 5)], "labels": [(size, len(self._bundle.labels))]}
        allowed = wanted.get(role, [(size,), (size, 1)])
        if shape not in allowed:
            raise ConfigurationError(
                f"{self._bundle.path}: the output {self._roles[role]!r} ({role}) has shape {shape} for a batch of "
                f"{size}, not {' or '.join(map(str, allowed))}"
            )


def _frozen(bundle: Bundle) -> Callable[[Any], list[Any]]:
    try:
        loaded = tf.saved_model.load(str(bundle.path))
        signature = loaded.signatures["serving_default"]
    except (OSError, ValueError, KeyError, tf.errors.OpError) as error:
        raise ConfigurationError(f"{bundle.path} cannot be loaded: {_first_line(error)}") from None
    name = _input_name(bundle, signature)
    missing = set(bundle.manifest.outputs.by_role().values()) - set(signature.structured_outputs)
    if missing:
        there = ", ".join(sorted(signature.structured_outputs))
        raise ConfigurationError(f"{bundle.path} has no output {', '.join(sorted(missing))}; it has {there}")

    def by_role(images: Any) -> list[Any]:
        outputs = signature(**{name: images})
        return [outputs[output] for output in bundle.manifest.outputs.by_role().values()]

    given = bundle.manifest.input
    spec = tf.TensorSpec([None, given.height, given.width, 3], tf.uint8, name="images")
    # `loaded` must be alive until here, or its variables are gone.
    frozen: Callable[[Any], list[Any]] = convert_variables_to_constants_v2(
        tf.function(by_role, autograph=False).get_concrete_function(spec)
    )
    return frozen


def _input_name(bundle: Bundle, signature: Any) -> str:
    """Name of the one input, checked against the bundle."""
    inputs = signature.structured_input_signature[1]
    if len(inputs) != 1:
        raise ConfigurationError(f"{bundle.path} takes {len(inputs)} inputs, not one batch of images")
    name, spec = next(iter(inputs.items()))
    given = bundle.manifest.input
    if spec.dtype != tf.uint8 or not spec.shape.is_compatible_with([None, given.height, given.width, 3]):
        raise ConfigurationError(
            f"{bundle.path} takes {spec.dtype.name} {spec.shape}, "
            f"not uint8 (None, {given.height}, {given.width}, 3) as bundle.toml says"
        )
    if spec.shape.rank is not None and spec.shape[0] is not None:
        raise ConfigurationError(
            f"{bundle.path} takes batches of {spec.shape[0]} only; its batch must be open"
        )
    return str(name)


def _first_line(error: Exception) -> str:
    """The one that says something: a failing graph's first line is only a heading."""
    lines = [line for line in str(error).splitlines() if line.strip() and line != "Graph execution error:"]
    telling = [line for line in lines if not line.startswith(("Detected at node", "  File"))]
    return next(iter(telling or lines), type(error).__name__)[:300]
