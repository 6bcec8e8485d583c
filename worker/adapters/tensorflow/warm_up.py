"""Before the first photo: run every batch size of a model once, check what it answers, and time it."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from worker.errors import BatchTooLargeError, ConfigurationError, ModelError
from worker.inference.bundle import Bundle
from worker.messages import Outputs

Predict = Callable[[npt.NDArray[np.uint8]], Outputs]
Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Warmth:
    """What the warm-up found out."""

    largest_batch: int  # most photos that there was memory for
    seconds_by_size: Mapping[int, float]  # of one call, once warm


def warm_up(
    predict: Predict,
    bundle: Bundle,
    sizes: Sequence[int],
    between: Callable[[], None],
    clock: Clock = time.monotonic,
) -> Warmth:
    """Run each of the rising `sizes`, the telling ones twice, calling `between` before each.

    The first run of a size is slow, so the second one is timed. Raises ConfigurationError on a misfit, or when there
    is no memory for the smallest size.
    """
    seconds: dict[int, float] = {}
    largest, told = 0, telling(sizes)
    for size in sizes:
        between()
        photos = np.zeros((size, bundle.manifest.input.height, bundle.manifest.input.width, 3), np.uint8)
        try:
            check(bundle, predict(photos), size)
            if size in told:
                begun = clock()
                predict(photos)
                seconds[size] = clock() - begun
        except BatchTooLargeError as error:
            if not largest:
                raise ConfigurationError(f"{bundle.path} does not fit: {error}") from None
            break
        except ModelError as error:
            raise ConfigurationError(f"{bundle.path} does not run: {error}") from None
        largest = size
    return Warmth(largest, {size: spent for size, spent in seconds.items() if size <= largest})


def telling(sizes: Sequence[int]) -> set[int]:
    """Sizes whose time tells that of the others: powers of two and the last; all of them when they are few."""
    few = len(sizes) <= 8
    return {size for size in sizes if few or size & (size - 1) == 0 or size == sizes[-1]}


def check(bundle: Bundle, outputs: Outputs, size: int) -> None:
    """Raise ConfigurationError unless every output is an array of numbers of the shape that its role asks for."""
    names = bundle.manifest.outputs.by_role()
    wanted: dict[str, list[tuple[int, ...]]]
    wanted = {"score_probs": [(size, 5)], "labels": [(size, len(bundle.labels))]}
    for role, rows in outputs.items():
        allowed = wanted.get(role, [(size,), (size, 1)])
        output = f"{bundle.path}: the output {names[role]!r} ({role})"
        if rows.shape not in allowed:
            raise ConfigurationError(
                f"{output} has shape {rows.shape} for a batch of {size}, not {' or '.join(map(str, allowed))}"
            )
        if not np.issubdtype(rows.dtype, np.number):
            raise ConfigurationError(f"{output} is {rows.dtype}, not numbers")
