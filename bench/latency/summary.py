"""Many latencies as a few numbers."""

import statistics
from collections.abc import Mapping, Sequence

AIM = 1.0  # seconds from upload to result
CUTS = (50, 90, 99)


def summary(seconds: Sequence[float]) -> dict[str, float]:
    """Percentiles and mean in milliseconds, the longest, and the share of less than one second; at least one value."""
    cuts = statistics.quantiles(
        [*seconds, seconds[0]] if len(seconds) == 1 else seconds, n=100, method="inclusive"
    )
    return {
        **{f"p{cut}_ms": cuts[cut - 1] * 1000 for cut in CUTS},
        "mean_ms": statistics.fmean(seconds) * 1000,
        "most_ms": max(seconds) * 1000,
        "under_1s": sum(one < AIM for one in seconds) / len(seconds),
    }


def mean_steps(ledgers: Sequence[Mapping[str, float]], seen_ms: Sequence[float]) -> dict[str, float]:
    """Mean milliseconds of each step, which add up to the mean of what was seen from outside; medians would not.

    What the ledger does not hold is `put`: the upload itself before S3's event time, and the announcement afterwards.
    """
    steps = {
        name: statistics.fmean(ledger[name] for ledger in ledgers) for name in ledgers[0] if name != "total"
    }
    return {"put": max(0.0, statistics.fmean(seen_ms) - sum(steps.values())), **steps}
