"""Two services' results of the same photos, side by side: how often they agree, and where they differ most. Pure."""

import heapq
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from worker.messages import PhotoId

NAMED = 10  # photos that differ most

Lot = list[
    tuple[PhotoId, str | None, str | None]
]  # a photo, what the other service stored, what this one did


@dataclass(slots=True)
class Comparison:
    """What was found; scores are whole numbers, None where a service gave none."""

    missing: int = 0  # photos that only the other service has
    unreadable: int = 0  # values of which one is no JSON with a score
    pairs: Counter[tuple[int | None, int | None]] = field(default_factory=Counter)  # (other's score, ours)
    furthest: list[tuple[float, str]] = field(default_factory=list)  # how far apart, image id; the most first

    @property
    def compared(self) -> int:
        """How many photos have a result of both."""
        return self.pairs.total()

    def share_within(self, distance: int) -> float:
        """Give the share of photos whose scores are at most so far apart; no score equals no score only."""
        near = sum(count for pair, count in self.pairs.items() if _apart(*pair) <= distance)
        return near / self.compared if self.compared else 0.0


def compare(lots: Iterable[Lot], path: str = "score") -> Comparison:
    """Read the other service's score at a dotted `path` of its JSON; ours is where the contract says."""
    found = Comparison()
    found.furthest = heapq.nlargest(NAMED, _differing(lots, path, found))
    return found


def _differing(lots: Iterable[Lot], path: str, found: Comparison) -> Iterator[tuple[float, str]]:
    for photo, theirs, ours in (one for lot in lots for one in lot):
        if ours is None:
            found.missing += 1
            continue
        try:
            pair = _score(theirs, path), _score(ours, "score")
        except (ValueError, OverflowError, RecursionError):  # no JSON, 1e999, a thousand brackets
            found.unreadable += 1
            continue
        found.pairs[pair] += 1
        if _apart(*pair):
            yield _apart(*pair), photo.image_id


def _score(text: str | None, path: str) -> int | None:
    """Raise ValueError where there is none to read; null is a score that was not given."""
    value: Any = json.loads(text or "")
    for name in path.split("."):
        if not isinstance(value, dict) or name not in value:
            raise ValueError(f"no {path}")
        value = value[name]
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ValueError(f"{path} is no number")  # noqa: TRY004 - of stored text, not of an argument
    return round(value)


def _apart(theirs: int | None, ours: int | None) -> float:
    if theirs is None or ours is None:
        return 0 if theirs is ours else float("inf")
    return abs(theirs - ours)
