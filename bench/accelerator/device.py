"""A model that takes as long as an accelerator, without using the CPU."""

import threading
import time

import numpy as np
import numpy.typing as npt

from worker.inference.bundle import Bundle
from worker.messages import Outputs

# 32 photos in 16 ms are 2,000 a second, as EfficientNet-sized networks reach on a data-centre GPU.
# A quarter of the time is a call's own cost, whatever its size (launching kernels, copying 150 KB a
# photo), so one photo takes 4.4 ms.
CALL, PHOTO = 0.004, 0.000375  # seconds: t(n) = CALL + PHOTO · n


def service_time(photos: int) -> float:
    """Seconds that a batch takes."""
    return CALL + PHOTO * photos


class SimulatedDevice:
    """Answers all photos alike, after the time of their batch; callers take turns, as on a device."""

    def __init__(self, bundle: Bundle, largest_batch: int) -> None:
        self.bundle = bundle
        self.largest_batch = largest_batch
        self.seconds_by_size = {size: service_time(size) for size in range(1, largest_batch + 1)}
        self.busy = 0.0  # seconds so far
        self.calls = 0
        self._answers = _answers(bundle, largest_batch)
        self._turn = threading.Lock()
        self._never = threading.Event()

    def predict(self, batch: npt.NDArray[np.uint8]) -> Outputs:
        """Wait as long as a batch [N, height, width, 3] takes; return role → array of N rows."""
        with self._turn:
            done = time.monotonic() + service_time(len(batch))
            while (left := done - time.monotonic()) > 0:
                self._never.wait(left)  # releases the GIL, as a call of TensorFlow does
            self.busy += service_time(len(batch))
            self.calls += 1
        return {role: rows[: len(batch)] for role, rows in self._answers.items()}


def _answers(bundle: Bundle, rows: int) -> Outputs:
    """Make outputs of the model's shapes: reading them is the worker's work, and counts."""
    widths = {"score_probs": 5, "labels": len(bundle.labels)}
    draw = np.random.default_rng(1)
    answers = dict[str, npt.NDArray[np.float32]]()
    for role in bundle.manifest.outputs.by_role():
        values = draw.random((rows, widths.get(role, 1)), np.float32)
        answers[role] = values / values.sum(axis=1, keepdims=True)
    return answers
