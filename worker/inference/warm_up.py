"""Runs a model on batches of several sizes before the first photo, checks the outputs, times the calls."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from worker.errors import BatchTooLargeError, ConfigurationError, ModelError
from worker.inference.bundle import Bundle
from worker.inference.runtimes import Checkpoint, LoadedReplica, Replicas
from worker.inference.serving import Photos
from worker.messages import Outputs
from worker.telemetry.counters import Telemetry


class WarmUp(NamedTuple):
    """What a warm-up measured."""

    largest_batch: int  # for which there was memory
    seconds_by_size: Mapping[int, float]  # of one warm call


def warm_up(
    predict: Callable[[Photos], Outputs], bundle: Bundle, sizes: Sequence[int], checkpoint: Checkpoint
) -> WarmUp:
    """Run each of the rising `sizes`, calling `checkpoint` before each.

    Sizes to be timed run twice, since the first call of a size is slow. Raises ConfigurationError
    on a misfit, or when there is no memory for the smallest size.
    """
    seconds: dict[int, float] = {}
    largest, timed = 0, sizes_to_time(sizes)
    for size in sizes:
        checkpoint()
        photos = np.zeros((size, bundle.manifest.input.height, bundle.manifest.input.width, 3), np.uint8)
        try:
            check_outputs(bundle, predict(photos), size)
            if size in timed:
                begun = time.monotonic()
                predict(photos)
                seconds[size] = time.monotonic() - begun
        except BatchTooLargeError as error:
            if not largest:
                raise ConfigurationError(f"{bundle.path} does not fit: {error}") from None
            break
        except ModelError as error:
            raise ConfigurationError(f"{bundle.path} does not run: {error}") from None
        largest = size
    return WarmUp(largest, {size: spent for size, spent in seconds.items() if size <= largest})


def warm_up_all(
    replicas: Replicas, checkpoint: Checkpoint, telemetry: Telemetry, clock: Callable[[], float]
) -> None:
    """Warm up each model of each replica. Raises ConfigurationError on a misfit."""
    for models in zip(*replicas, strict=True):
        begun = clock()
        for model in dict.fromkeys(models):  # a model that replicas share only once
            model.warm_up(checkpoint)
        telemetry.event(
            "warmed_up",
            model=models[0].bundle.name,
            version=models[0].bundle.version,
            largest_batch=min(model.largest_batch for model in models),
            seconds=round(clock() - begun, 2),
        )


def seconds_by_size(replica: LoadedReplica) -> dict[int, float]:
    """Duration of a batch on all models of a replica, for the sizes that each of them timed."""
    times = [model.seconds_by_size for model in replica]
    return {
        size: sum(each[size] for each in times) for size in times[0] if all(size in each for each in times)
    }


def sizes_to_time(sizes: Sequence[int]) -> set[int]:
    """Powers of two and the last size, which suffice to estimate the others; all sizes if few."""
    few = len(sizes) <= 8
    return {size for size in sizes if few or size & (size - 1) == 0 or size == sizes[-1]}


def check_outputs(bundle: Bundle, outputs: Outputs, size: int) -> None:
    """Raise ConfigurationError unless each output has numbers, in the shape that its role needs."""
    names = bundle.manifest.outputs.by_role()
    shapes: dict[str, list[tuple[int, ...]]]
    shapes = {"score_probs": [(size, 5)], "labels": [(size, len(bundle.labels))]}
    for role, rows in outputs.items():
        allowed = shapes.get(role, [(size,), (size, 1)])
        output = f"{bundle.path}: the output {names[role]!r} ({role})"
        if rows.shape not in allowed:
            raise ConfigurationError(
                f"{output} has shape {rows.shape} for a batch of {size}, not {' or '.join(map(str, allowed))}"
            )
        if not np.issubdtype(rows.dtype, np.number):
            raise ConfigurationError(f"{output} is {rows.dtype}, not numbers")
