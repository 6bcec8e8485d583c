"""Translates a frozen graph for LiteRT."""

import re
from typing import Any

from worker.adapters.quiet_import import mute_startup_output
from worker.adapters.tensorflow.frozen_graph import input_spec
from worker.errors import ConversionError, first_line
from worker.inference.runtimes import FrozenGraph

with mute_startup_output():
    import tensorflow as tf


def convert(graph: FrozenGraph) -> bytes:
    """Convert a graph to LiteRT's format, for one photo a call; nothing is quantized.

    Raises ConversionError, naming no bundle, when LiteRT's own operations do not cover it, or when it
    has operations with side effects (assertions, random numbers), which the converter would silently
    drop or change. Raises OSError and MemoryError when there is no disk or memory.
    """
    roles = graph.bundle.manifest.outputs.by_role()
    operations = graph.function.graph.get_operations()
    effects = sorted({op.type for op in operations if op.op_def.is_stateful})
    if effects:
        raise ConversionError(f"it has operations with side effects ({', '.join(effects)})")

    def by_role(images: Any) -> dict[str, Any]:
        return dict(zip(roles, graph.function(images), strict=True))

    try:
        with mute_startup_output():
            function = tf.function(by_role, autograph=False).get_concrete_function(
                input_spec(graph.bundle, 1)
            )
            converter = tf.lite.TFLiteConverter.from_concrete_functions([function], tf.Module())
            return bytes(converter.convert())
    except (OSError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 - the converter raises nearly anything
        raise ConversionError(_cause(error)) from None


def _cause(error: Exception) -> str:
    """Find the missing operations in pages of the converter's own representation."""
    unknown = sorted(set(re.findall(r"'tf\.(\w+)' op is neither", str(error))))
    return f"it has no operation {', '.join(unknown)} for these types" if unknown else first_line(error)
