"""Two engines side by side on random photos: do they answer the same, and how fast is each with all its replicas?"""

import statistics
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import numpy as np
import numpy.typing as npt

from worker.messages import Outputs

TOLERANCE = 1e-3  # largest difference of any number: probabilities are 0 … 1, scores 1 … 5
MARGIN = 1.05  # how many times as fast counts as measurably faster
BATCH = 8  # photos of a call; TensorFlow is about as fast with more
ROUNDS = 5
ROUND = 0.15  # seconds
MOST_CALLS = 50  # of a round: enough for small models
ENOUGH = 2.0  # seconds; after these no further round begins

Photos = npt.NDArray[np.uint8]  # [N, height, width, 3]


class Predicts(Protocol):
    """A model, as far as a trial needs it."""

    def predict(self, batch: Photos) -> Outputs:
        """Run on uint8 [N, height, width, 3]; role → array of N rows."""
        ...


Team = Sequence[Sequence[Predicts]]  # replicas of one engine, each a model or several


def random_photos(count: int, height: int, width: int) -> Photos:
    """Patches of random colour with noise on them, always the same: flat and busy parts, as photos have."""
    random = np.random.default_rng(1)
    patches = random.integers(32, 224, (count, 8, 8, 3))
    rows, columns = np.arange(height) * 8 // height, np.arange(width) * 8 // width
    noise = random.integers(-24, 25, (count, height, width, 3))
    return (patches[:, rows][:, :, columns] + noise).astype(np.uint8)


def difference(one: Predicts, other: Predicts, photos: Photos) -> float:
    """Largest difference between two models' numbers; infinite when shapes or types differ. Raises ModelError."""
    ours, theirs = one.predict(photos), other.predict(photos)
    if _form(ours) != _form(theirs):
        return float("inf")
    most = [float(np.max(np.abs(ours[role].astype(float) - theirs[role].astype(float)))) for role in ours]
    return max(found if np.isfinite(found) else float("inf") for found in most)


def takes_over(before: float, after: float, difference: float) -> bool:
    """Whether an engine may take another's place: measurably faster (photos/s `before`, `after`), the same answers."""
    return after > before * MARGIN and difference <= TOLERANCE


def _form(outputs: Outputs) -> dict[str, tuple[tuple[int, ...], np.dtype[np.generic]]]:
    return {role: (rows.shape, rows.dtype) for role, rows in outputs.items()}


def race(
    teams: Sequence[Team], photos: Photos, clock: Callable[[], float], between: Callable[[], None]
) -> list[float]:
    """Photos per second of each team, all its replicas at work: medians of short rounds, the teams taking turns.

    `between` is called before each round. Raises ModelError.
    """
    for team in teams:
        _rate(team, photos, 0, clock)  # a first call of a size is slow
    rates: list[list[float]] = [[] for _ in teams]
    until = clock() + ENOUGH
    for turn in range(ROUNDS):
        if turn and clock() > until:
            break
        between()
        for team, found in zip(teams, rates, strict=True):
            found.append(_rate(team, photos, ROUND, clock))
    return [statistics.median(found) for found in rates]


def _rate(team: Team, photos: Photos, seconds: float, clock: Callable[[], float]) -> float:
    begun = clock()
    with ThreadPoolExecutor(len(team)) as threads:
        calls = sum(threads.map(lambda replica: _calls(replica, photos, begun + seconds, clock), team))
    return calls * len(photos) / max(clock() - begun, 1e-9)


def _calls(replica: Sequence[Predicts], photos: Photos, until: float, clock: Callable[[], float]) -> int:
    for call in range(1, MOST_CALLS + 1):
        for model in replica:
            model.predict(photos)
        if clock() >= until:
            return call
    return MOST_CALLS
