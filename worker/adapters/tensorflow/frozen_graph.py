"""Turns a bundle's SavedModel into one frozen TensorFlow graph and checks it against the bundle.

Variables become constants, so that grappler can fold them. The batch dimension stays open, so that
nothing is ever retraced. Only the outputs that the bundle names are computed. Photos enter as
uint8, and the device makes them floats.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from worker.adapters.quiet_import import mute_startup_output
from worker.errors import ConfigurationError, first_line
from worker.inference.bundle import Bundle
from worker.inference.runtimes import FrozenGraph

os.environ.setdefault(
    "TF_USE_LEGACY_KERAS", "1"
)  # keeps TensorFlow from importing Keras, which takes most of a second
with mute_startup_output():
    import tensorflow as tf

    # Neither is in TensorFlow's public API. Its guides use the second, which ends with a call of the first.
    from tensorflow.python.eager.wrap_function import function_from_graph_def
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


def save(graph: FrozenGraph, path: Path) -> dict[str, Any]:
    """Write a graph to a file; returns the names that `load` needs."""
    function = graph.function
    path.write_bytes(function.graph.as_graph_def().SerializeToString())
    return {
        "inputs": [one.name for one in function.inputs],
        "outputs": [one.name for one in function.outputs],
    }


def load(bundle: Bundle, path: Path, names: Mapping[str, Any]) -> FrozenGraph:
    """Read what `save` wrote. Raises ConfigurationError if TensorFlow cannot."""
    definition = tf.compat.v1.GraphDef()
    try:
        definition.ParseFromString(path.read_bytes())
        function = function_from_graph_def(definition, names["inputs"], names["outputs"])
        for images in function.inputs:
            images.set_shape(input_spec(bundle).shape)
    except Exception as error:  # noqa: BLE001 - protobuf and TensorFlow raise nearly anything
        raise ConfigurationError(f"{path} cannot be loaded: {first_line(error)}") from None
    return FrozenGraph(bundle, function)


def input_spec(bundle: Bundle, batch: int | None = None) -> Any:
    """Shape and type of a graph's input; a `batch` of None is open."""
    size = bundle.manifest.input
    return tf.TensorSpec([batch, size.height, size.width, 3], tf.uint8, name="images")


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
