"""A translation as a model, run by one LiteRT interpreter (XNNPACK)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy.typing as npt

from worker.adapters.photo_by_photo import PhotoByPhoto
from worker.adapters.quiet_import import mute_startup_output
from worker.errors import ConversionError, first_line
from worker.inference.bundle import Bundle
from worker.inference.serving import Photos

with mute_startup_output():
    from ai_edge_litert.interpreter import Interpreter


class InterpretedModel(PhotoByPhoto):
    """One interpreter with `threads` CPU threads, for one caller at a time; it releases the GIL."""

    engine: Final = "litert"

    def __init__(self, bundle: Bundle, translation: Path, largest_batch: int, threads: int) -> None:
        """Load a translated model, which stays mapped. Raises ConversionError when LiteRT cannot run it."""
        super().__init__(bundle, largest_batch)
        try:
            with mute_startup_output():
                self._interpreter = Interpreter(model_path=str(translation), num_threads=threads)
                self._interpreter.allocate_tensors()
            signature = self._interpreter.get_signature_runner()
            self._input = signature.get_input_details()["images"]["index"]
            outputs = signature.get_output_details()
            self._outputs = [outputs[role]["index"] for role in bundle.manifest.outputs.by_role()]
        except (RuntimeError, ValueError, KeyError) as error:
            raise ConversionError(f"{bundle.path} does not load in LiteRT: {first_line(error)}") from None

    def run(self, photo: Photos) -> Sequence[npt.NDArray[Any]]:
        """Run one photo; see PhotoByPhoto."""
        self._interpreter.set_tensor(self._input, photo)
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(tensor) for tensor in self._outputs]
