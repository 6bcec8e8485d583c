"""Many latencies as a few numbers."""

import statistics
from collections.abc import Mapping, Sequence

AIM = 1.0  # seconds from upload to result
CUTS = (50, 90, 99)


def summary(seconds: Sequence[float]) -> dict[str, float]:
    """Percentiles, mean and maximum in milliseconds, and the share under a second."""
    cuts = statistics.quantiles(
        [*seconds, seconds[0]] if len(seconds) == 1 else seconds, n=100, method="inclusive"
    )
    return {
        **{f"p{cut}_ms": cuts[cut - 1] * 1000 for cut in CUTS},
        "mean_ms": statistics.fmean(seconds) * 1000,
        "most_ms": max(seconds) * 1000,
        "under_1s": sum(one < AIM for one in seconds) / len(seconds),
    }


def mean_steps(timings: Sequence[Mapping[str, float]], seen_ms: Sequence[float]) -> dict[str, float]:
    """Mean milliseconds of each step; unlike medians, they add up to the mean seen from outside.

    `put` is what the worker cannot time: the upload before S3's event time, and the announcement.
    """
    steps = {
        name: statistics.fmean(photo[name] for photo in timings) for name in timings[0] if name != "total"
    }
    return {"put": max(0.0, statistics.fmean(seen_ms) - sum(steps.values())), **steps}
