"""A translation as a model, run by one LiteRT interpreter (XNNPACK).

An interpreter serves one thread and runs photo by photo: XNNPACK is fastest that way on a CPU, and
needs memory for the activations of one photo only. Several interpreters use several cores.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from worker.adapters.quiet_import import mute_startup_output
from worker.errors import BatchTooLargeError, ConversionError, ModelError, first_line
from worker.inference.bundle import Bundle
from worker.inference.runtimes import Checkpoint
from worker.inference.serving import Photos
from worker.inference.warm_up import sizes_to_time, warm_up
from worker.messages import Outputs

with mute_startup_output():
    from ai_edge_litert.interpreter import Interpreter

WARM_UP_SIZES = (1, 2)  # larger batches are only more of the same calls
# Longest duration of a batch: its photos wait for one another and gain nothing from a larger one.
MAX_BATCH_SECONDS = 0.05


class InterpretedModel:
    """One interpreter with `threads` CPU threads, for one caller at a time; it releases the GIL."""

    engine: Final = "litert"

    def __init__(self, bundle: Bundle, translation: Path, largest_batch: int, threads: int) -> None:
        """Load a translated model, which stays mapped. Raises ConversionError when LiteRT cannot run it."""
        self.bundle = bundle
        self.largest_batch = largest_batch  # the warm-up limits it to MAX_BATCH_SECONDS
        self.seconds_by_size: Mapping[int, float] = {}
        try:
            with mute_startup_output():
                self._interpreter = Interpreter(model_path=str(translation), num_threads=threads)
                self._interpreter.allocate_tensors()
            signature = self._interpreter.get_signature_runner()
            self._input = signature.get_input_details()["images"]["index"]
            outputs = signature.get_output_details()
            self._outputs = {role: outputs[role]["index"] for role in bundle.manifest.outputs.by_role()}
        except (RuntimeError, ValueError, KeyError) as error:
            raise ConversionError(f"{bundle.path} does not load in LiteRT: {first_line(error)}") from None

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
