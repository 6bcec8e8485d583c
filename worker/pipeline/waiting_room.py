"""Items that wait until what failed them answers again. Knows nothing of the items.

While a place is away, one of its items at a time probes it, in turn, at the moments that `Outages`
names. Once the place has answered, all its items are due. An item that fails although its place has
answered others since its last try has trouble of its own, and should wait here no longer.
"""

import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from worker.pipeline.outages import Outages, Place

T = TypeVar("T")

LOOK = 0.2  # seconds until a room that is not empty is looked at again


@dataclass(eq=False, slots=True)
class Held(Generic[T]):
    """An item and the place that it waits for."""

    item: T
    place: Place
    answered: bool = False  # since the item's last try, the place has answered others


class WaitingRoom(Generic[T]):
    """Thread-safe. Takes every item; its users bring no new ones while it is `full`."""

    def __init__(self, places: int, outages: Outages, clock: Callable[[], float]) -> None:
        self.look = LOOK
        self.places = places
        self._outages = outages
        self._clock = clock
        self._lock = threading.Lock()
        self._held: dict[Hashable, Held[T]] = {}  # by name; the one tried least recently first
        self._probed: set[Place] = set()

    def __len__(self) -> int:
        return len(self._held)

    @property
    def full(self) -> bool:
        """Whether there is no free place."""
        return len(self._held) >= self.places

    def put(self, name: Hashable, item: T, place: Place) -> None:
        """Let an item wait for a place. It replaces one of the same name."""
        with self._lock:
            self._held.pop(name, None)
            self._held[name] = Held(item, place)

    def take(self) -> Held[T] | None:
        """Take an item that is due, if any. After its try, call `end_try`."""
        if not self._held:  # the common case takes no lock
            return None
        with self._lock:
            due = next((name for name, held in self._held.items() if self._is_due(held)), None)
            if due is None:
                return None
            held = self._held.pop(due)
            if not held.answered:
                self._probed.add(held.place)
            return held

    def end_try(self, held: Held[T]) -> None:
        """Let another item probe the place."""
        if not held.answered:
            with self._lock:
                self._probed.discard(held.place)

    def note_success(self, place: Place) -> None:
        """Note that a place has answered: its trouble is over, and its items are due."""
        self._outages.note_success(place)
        if self._held:
            with self._lock:
                for held in self._held.values():
                    held.answered = held.answered or held.place == place

    def leave(self) -> list[T]:
        """Empty the room; returns the items."""
        with self._lock:
            items, self._held = [held.item for held in self._held.values()], {}
            return items

    def _is_due(self, held: Held[T]) -> bool:
        return held.answered or (
            held.place not in self._probed and self._outages.next_try(held.place) <= self._clock()
        )
