"""Compares engines on random photos: how far do their answers differ, and how fast are they?"""

import hashlib
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import numpy as np
import numpy.typing as npt

from worker.inference.serving import Photos, Predictor
from worker.messages import Outputs

RunnerName = Literal["litert", "openvino"]  # what runs translations, on CPUs
Engine = Literal["tensorflow", RunnerName]

TOLERANCE = 1e-3  # largest difference of any number: probabilities are 0 … 1, scores 1 … 5
# How many times as fast as LiteRT an engine must be, on a CPU, to be worth its price. OpenVINO's is small, but a race
# scatters. TensorFlow's is a far longer start and about a gigabyte more (make bench PART=start).
PRICES: Mapping[Engine, float] = {"litert": 1.0, "openvino": 1.05, "tensorflow": 1.15}
BATCH = 8  # photos of a call; TensorFlow is about as fast with more
ROUNDS = 3
ROUND_SECONDS = 0.15
MAX_CALLS = 50  # of a round: enough for small models
MAX_SECONDS = 2.0  # no further round starts after that

Team = Sequence[Sequence[Predictor]]  # replicas of one engine, each with one model or more


def random_photos(count: int, height: int, width: int) -> Photos:
    """Patches of random colour with noise, flat and busy as in photos; the same for ever, everywhere."""
    # Not numpy's generators, whose numbers may change with its version: answers to these photos are kept.
    patches = _random_bytes("patches", (count, 8, 8, 3)) * 3 // 4 + 32
    rows, columns = np.arange(height) * 8 // height, np.arange(width) * 8 // width
    noise = _random_bytes("noise", (count, height, width, 3)) * 49 // 256 - 24
    return (patches[:, rows][:, :, columns] + noise).astype(np.uint8)


def difference(one: Sequence[Predictor], other: Sequence[Predictor], photos: Photos) -> float:
    """Largest difference between two replicas' numbers; infinite if shapes or types differ.

    Raises ModelError.
    """
    pairs = zip(one, other, strict=True)
    return max(_difference(ours.predict(photos), theirs.predict(photos)) for ours, theirs in pairs)


def choose(rates: Mapping[Engine, float], differences: Mapping[RunnerName, float]) -> Engine:
    """The engine with most photos/s for its price, of those that answer as TensorFlow does.

    `differences` are between its answers and those of the others, of which `rates` has each.
    """
    equal = [name for name, far in differences.items() if far <= TOLERANCE]
    return max([*equal, "tensorflow"], key=lambda name: rates.get(name, 0.0) / PRICES[name])


def race(
    teams: Sequence[Team], photos: Photos, clock: Callable[[], float], checkpoint: Callable[[], None]
) -> list[float]:
    """Photos per second of each team, all replicas at work: median of rounds, teams taking turns.

    The seconds are those of the `clock`, which may be one of CPU time. `checkpoint` is called before
    each round. Raises ModelError.
    """
    for team in teams:
        _rate(team, photos, 0, clock)  # the first call of a size is slow
    rates: list[list[float]] = [[] for _ in teams]
    until = clock() + MAX_SECONDS
    for turn in range(ROUNDS):
        if turn and clock() > until:
            break
        checkpoint()
        for team, measured in zip(teams, rates, strict=True):
            measured.append(_rate(team, photos, ROUND_SECONDS, clock))
    return [statistics.median(measured) for measured in rates]


def _random_bytes(name: str, shape: tuple[int, ...]) -> npt.NDArray[np.int16]:
    """Numbers from 0 to 255."""
    stream = hashlib.shake_128(name.encode()).digest(math.prod(shape))
    return np.frombuffer(stream, np.uint8).reshape(shape).astype(np.int16)


def _difference(ours: Outputs, theirs: Outputs) -> float:
    if _shapes(ours) != _shapes(theirs):
        return math.inf
    largest = [np.max(np.abs(ours[role].astype(float) - theirs[role].astype(float))) for role in ours]
    return max(float(number) if np.isfinite(number) else math.inf for number in largest)


def _shapes(outputs: Outputs) -> dict[str, tuple[tuple[int, ...], np.dtype[np.generic]]]:
    return {role: (rows.shape, rows.dtype) for role, rows in outputs.items()}


def _rate(team: Team, photos: Photos, seconds: float, clock: Callable[[], float]) -> float:
    begun = clock()
    with ThreadPoolExecutor(len(team)) as threads:
        calls = sum(threads.map(lambda replica: _count_calls(replica, photos, begun + seconds, clock), team))
    return calls * len(photos) / max(clock() - begun, 1e-9)


def _count_calls(
    replica: Sequence[Predictor], photos: Photos, until: float, clock: Callable[[], float]
) -> int:
    for call in range(1, MAX_CALLS + 1):
        for model in replica:
            model.predict(photos)
        if clock() >= until:
            return call
    return MAX_CALLS
