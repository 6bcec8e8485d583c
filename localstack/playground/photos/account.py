"""The account of all photos: what was sent is what came of it. Pure."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(eq=False, slots=True)
class Account:
    """Counts of photos. `doubled`: results that were published once more than they should."""

    sent: int = 0
    results: Counter[str] = field(default_factory=Counter)  # by status
    dead: int = 0
    doubled: int = 0
    lost: int = 0

    def event(self) -> dict[str, int]:
        """Describe it for the page: sent = scored + unrecognised + failed + dead + in_flight + lost."""
        results = {status: self.results[status] for status in ("scored", "unrecognised", "failed")}
        in_flight = self.sent - sum(results.values()) - self.dead - self.lost
        return {
            "sent": self.sent,
            **results,
            "dead": self.dead,
            "in_flight": in_flight,
            "doubled": self.doubled,
            "lost": self.lost,
        }
