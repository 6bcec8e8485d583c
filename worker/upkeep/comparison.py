"""Compares two services' results: how often they agree, and which photos differ most. Pure."""

import heapq
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from worker.messages import PhotoId

NAMED = 10  # photos that differ most

# Photos, each with the values that the other service and this one stored.
Lot = list[tuple[PhotoId, str | None, str | None]]


class Difference(NamedTuple):
    """A photo with two scores. The distance is infinite where one service gave none."""

    distance: float
    image_id: str
    theirs: int | None
    ours: int | None


@dataclass(slots=True)
class Comparison:
    """The result of a comparison. Scores are whole numbers, or None where a service gave none."""

    missing: int = 0  # photos that only the other service has
    unreadable: int = 0  # photos with a value that is not JSON with a score
    pairs: Counter[tuple[int | None, int | None]] = field(default_factory=Counter)  # (other's score, ours)
    furthest: list[Difference] = field(default_factory=list)  # the largest first

    @property
    def compared(self) -> int:
        """The number of photos with a result of both services."""
        return self.pairs.total()

    def share_within(self, distance: int) -> float:
        """Share of photos whose scores differ by at most `distance`. None equals only None."""
        near = sum(count for pair, count in self.pairs.items() if _distance(*pair) <= distance)
        return near / self.compared if self.compared else 0.0


def compare(lots: Iterable[Lot], path: str = "score") -> Comparison:
    """Compare our scores with the other service's, which are at a dotted `path` in its JSON."""
    comparison = Comparison()
    found = _differences(lots, path, comparison)
    comparison.furthest = heapq.nlargest(NAMED, found, key=lambda one: (one.distance, one.image_id))
    return comparison


def _differences(lots: Iterable[Lot], path: str, comparison: Comparison) -> Iterator[Difference]:
    """Count every photo, and yield those whose scores differ."""
    for photo, theirs, ours in (values for lot in lots for values in lot):
        if ours is None:
            comparison.missing += 1
            continue
        try:
            pair = _score(theirs, path), _score(ours, "score")
        except (ValueError, OverflowError, RecursionError):  # no JSON, 1e999, a thousand brackets
            comparison.unreadable += 1
            continue
        comparison.pairs[pair] += 1
        if distance := _distance(*pair):
            yield Difference(distance, photo.image_id, *pair)


def _score(text: str | None, path: str) -> int | None:
    """Read a score. None if it is null. Raises ValueError if there is none."""
    value: Any = json.loads(text or "")
    for name in path.split("."):
        if not isinstance(value, dict) or name not in value:
            raise ValueError(f"no {path}")
        value = value[name]
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ValueError(f"{path} is not a number")  # noqa: TRY004 - the text is wrong, not an argument
    return round(value)


def _distance(theirs: int | None, ours: int | None) -> float:
    if theirs is None or ours is None:
        return 0 if theirs is ours else float("inf")
    return abs(theirs - ours)
