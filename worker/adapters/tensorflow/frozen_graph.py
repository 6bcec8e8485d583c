"""A bundle's SavedModel → one frozen graph of TensorFlow, checked against the bundle.

Variables become constants, so that grappler can fold them; the batch dimension stays open, so that nothing is ever
retraced; only the outputs that the bundle names are computed. Photos come in as uint8: the graph makes them floats,
on the device that runs it.
"""

from collections.abc import Callable
from typing import Any

from worker.adapters.tensorflow.quiet_import import start_up_chatter_muted
from worker.errors import ConfigurationError
from worker.inference.bundle import Bundle

with start_up_chatter_muted():
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import (  # has no public name, but the guides use it
        convert_variables_to_constants_v2,
    )

Graph = Callable[
    [Any], list[Any]
]  # uint8 [N, height, width, 3] → one tensor for each role of the bundle, in order


def freeze(bundle: Bundle) -> Graph:
    """Load and freeze. Raises ConfigurationError when model and bundle do not fit each other."""
    try:
        loaded = tf.saved_model.load(str(bundle.path))
        signature = loaded.signatures["serving_default"]
    except (OSError, ValueError, KeyError, tf.errors.OpError) as error:
        raise ConfigurationError(f"{bundle.path} cannot be loaded: {first_line(error)}") from None
    name = _input_name(bundle, signature)
    missing = set(bundle.manifest.outputs.by_role().values()) - set(signature.structured_outputs)
    if missing:
        there = ", ".join(sorted(signature.structured_outputs))
        raise ConfigurationError(f"{bundle.path} has no output {', '.join(sorted(missing))}; it has {there}")

    def by_role(images: Any) -> list[Any]:
        outputs = signature(**{name: images})
        return [outputs[output] for output in bundle.manifest.outputs.by_role().values()]

    # `loaded` must be alive until here, or its variables are gone.
    frozen: Graph = convert_variables_to_constants_v2(
        tf.function(by_role, autograph=False).get_concrete_function(input_spec(bundle))
    )
    return frozen


def as_function(graph: Graph, bundle: Bundle) -> Graph:
    """Wrap it once more: a direct call first writes the batch out as text, with Python's lock held."""
    function: Graph = tf.function(graph, autograph=False).get_concrete_function(input_spec(bundle))
    return function


def input_spec(bundle: Bundle, batch: int | None = None) -> Any:
    """What a bundle's graph takes; a `batch` of None is open."""
    given = bundle.manifest.input
    return tf.TensorSpec([batch, given.height, given.width, 3], tf.uint8, name="images")


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


def first_line(error: Exception) -> str:
    """The one that says something: a failing graph's first line is only a heading."""
    lines = [line for line in str(error).splitlines() if line.strip() and line != "Graph execution error:"]
    telling = [line for line in lines if not line.startswith(("Detected at node", "  File"))]
    return next(iter(telling or lines), type(error).__name__)[:300]
