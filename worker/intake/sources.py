"""All sources of a worker as one, for the main thread."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class Intake(Protocol):
    """What the main thread does with a source of photos."""

    @property
    def in_flight(self) -> int:
        """Number of photos, or of messages with photos, that are not settled yet."""

    def extend_due(self) -> None:
        """Keep what is held. Called four times a second."""

    def close(self) -> None:
        """Begin to stop: take no more than was promised."""

    def wait_for_receives(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds until nothing is being received. Returns whether that is so."""

    def release_all(self, survived: bool) -> int:
        """Give up all that is not settled, at once. Returns how many there were.

        `survived`: none of it is to blame for the end of the worker.
        """


@dataclass(frozen=True, slots=True)
class Sources:
    """Does the same with each source, in their order: those first that wait for nobody else."""

    each: Sequence[Intake]

    @property
    def in_flight(self) -> int:
        """Number of photos, or of messages with photos, that are not settled yet."""
        return sum(source.in_flight for source in self.each)

    def extend_due(self) -> None:
        """Keep what is held."""
        for source in self.each:
            source.extend_due()

    def close(self) -> None:
        """Begin to stop."""
        for source in self.each:
            source.close()

    def wait_for_receives(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds for each source until nothing is being received."""
        return all(source.wait_for_receives(timeout) for source in self.each)

    def release_all(self, survived: bool) -> int:
        """Give up all that is not settled, at once."""
        return sum(source.release_all(survived) for source in self.each)
