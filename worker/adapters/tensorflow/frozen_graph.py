"""Turns a bundle's SavedModel into one frozen TensorFlow graph and checks it against the bundle.

Variables become constants, so that grappler can fold them. The batch dimension stays open, so that
nothing is ever retraced. Only the outputs that the bundle names are computed. Photos enter as
uint8, and the device makes them floats.
"""

from typing import Any

from worker.adapters.tensorflow.quiet_import import mute_startup_output
from worker.errors import ConfigurationError
from worker.inference.bundle import Bundle
from worker.inference.runtimes import FrozenGraph

with mute_startup_output():
    import tensorflow as tf

    # Not in TensorFlow's public API, but its guides use it.
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2


def freeze(bundle: Bundle) -> FrozenGraph:
    """Load and freeze a bundle's model. Raises ConfigurationError when the two do not match."""
    try:
        loaded = tf.saved_model.load(str(bundle.path))
        signature = loaded.signatures["serving_default"]
    except (OSError, ValueError, KeyError, tf.errors.OpError) as error:
        raise ConfigurationError(f"{bundle.path} cannot be loaded: {first_line(error)}") from None
    name = _input_name(bundle, signature)
    names = bundle.manifest.outputs.by_role().values()
    if missing := set(names) - set(signature.structured_outputs):
        existing = ", ".join(sorted(signature.structured_outputs))
        raise ConfigurationError(
            f"{bundle.path} has no output {', '.join(sorted(missing))}; it has {existing}"
        )

    def in_order(images: Any) -> list[Any]:
        outputs = signature(**{name: images})
        return [outputs[output] for output in names]

    # `loaded` must live until here: its variables go with it.
    function = tf.function(in_order, autograph=False).get_concrete_function(input_spec(bundle))
    return FrozenGraph(bundle, convert_variables_to_constants_v2(function))


def input_spec(bundle: Bundle, batch: int | None = None) -> Any:
    """Shape and type of a graph's input; a `batch` of None is open."""
    size = bundle.manifest.input
    return tf.TensorSpec([batch, size.height, size.width, 3], tf.uint8, name="images")


def first_line(error: Exception) -> str:
    """First informative line of TensorFlow's message, which may begin with headings."""
    lines = [line for line in str(error).splitlines() if line.strip() and line != "Graph execution error:"]
    informative = [line for line in lines if not line.startswith(("Detected at node", "  File"))]
    return next(iter(informative or lines), type(error).__name__)[:300]


def _input_name(bundle: Bundle, signature: Any) -> str:
    """Return the name of the only input, after checking it against the bundle."""
    inputs = signature.structured_input_signature[1]
    if len(inputs) != 1:
        raise ConfigurationError(f"{bundle.path} takes {len(inputs)} inputs, not one batch of images")
    name, spec = next(iter(inputs.items()))
    size = bundle.manifest.input
    if spec.dtype != tf.uint8 or not spec.shape.is_compatible_with([None, size.height, size.width, 3]):
        raise ConfigurationError(
            f"{bundle.path} takes {spec.dtype.name} {spec.shape}, "
            f"not uint8 (None, {size.height}, {size.width}, 3) as bundle.toml says"
        )
    if spec.shape.rank is not None and spec.shape[0] is not None:
        raise ConfigurationError(
            f"{bundle.path} takes only batches of {spec.shape[0]}; the batch dimension must be open"
        )
    return str(name)
