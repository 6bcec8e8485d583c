"""What became of the photos that were sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts and lists by what became of the photos."""

    sent: int
    statuses: Mapping[str, int]  # of results
    dead: Sequence[str]  # bodies
    lost: Sequence[str]  # images with neither a result nor a dead letter
    history: Sequence[str]  # what the history of the run complains of
    both: Sequence[str]  # images with a result whose message is a dead letter too
    harmed: Sequence[str]  # good photos that are dead letters: something else used their receives up
    violations: Sequence[str]  # what the audit has seen

    def complaints(self, expected_dead: int) -> list[str]:
        """Describe everything that must not happen."""
        found = {
            "neither a result nor a dead letter": self.lost,
            "against the history": self.history,
            "a result and a dead letter": self.both,
            "a good photo that is a dead letter": self.harmed,
            "a promise broken on the wire": self.violations,
        }
        complaints = [f"{what}: {which}" for what, which in found.items() if which]
        if len(self.dead) != expected_dead:
            complaints.append(f"{len(self.dead)} dead letters, not {expected_dead}: {self.dead}")
        return complaints
