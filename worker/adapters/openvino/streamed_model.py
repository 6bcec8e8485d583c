"""A translation as a model, run on one stream of what OpenVINO has compiled.

The streams share the compiled model: models that are compiled each on their own wait for one
another.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from worker.adapters.openvino.library import CORE
from worker.adapters.photo_by_photo import PhotoByPhoto
from worker.errors import ConversionError, first_line
from worker.inference.bundle import Bundle
from worker.inference.serving import Photos


class Compiled:
    """A translation, compiled for so many streams, each of `threads` CPU threads."""

    def __init__(self, bundle: Bundle, translation: Path, streams: int, threads: int) -> None:
        """Read and compile it. Raises ConversionError when OpenVINO cannot run it."""
        options = {
            "PERFORMANCE_HINT": "THROUGHPUT",
            "NUM_STREAMS": streams,
            "INFERENCE_NUM_THREADS": streams * threads,
            "INFERENCE_PRECISION_HINT": "f32",  # bfloat16, where the CPU has it, is 0.04 off
            "ENABLE_CPU_PINNING": False,  # workers on one host would all take its first cores
        }
        self.bundle = bundle
        try:
            model = CORE.read_model(translation)
            self.outputs = _places(bundle, [min(output.names) for output in model.outputs])
            self.model = CORE.compile_model(model, "CPU", options)
        except (RuntimeError, ValueError) as error:
            raise ConversionError(f"{bundle.path} does not load in OpenVINO: {first_line(error)}") from None


class StreamedModel(PhotoByPhoto):
    """One stream, for one caller at a time; it releases the GIL."""

    engine: Final = "openvino"

    def __init__(self, compiled: Compiled, largest_batch: int) -> None:
        super().__init__(compiled.bundle, largest_batch)
        self._request = compiled.model.create_infer_request()
        self._outputs = compiled.outputs

    def run(self, photo: Photos) -> Sequence[npt.NDArray[Any]]:
        """Run one photo; see PhotoByPhoto."""
        self._request.infer([photo], share_inputs=True)
        return [np.array(self._request.get_output_tensor(place).data) for place in self._outputs]


def _places(bundle: Bundle, names: Sequence[str]) -> Sequence[int]:
    """Place of each role's output in a translation, by the names of its outputs. Raises ValueError.

    OpenVINO does not read the signature. But TensorFlow numbers the outputs of a function that
    gives a dict in the order of its sorted keys, and the translation has them as `NAME:NUMBER`.
    """
    roles = bundle.manifest.outputs.by_role()
    numbers = [name.rpartition(":")[2] for name in names]
    try:
        return [numbers.index(str(sorted(roles).index(role))) for role in roles]
    except ValueError:
        raise ValueError(f"an output is missing: it has {', '.join(names)} for {', '.join(roles)}") from None
