"""The arithmetic of larger machines. Pure.

A core takes a second of CPU time a second. The main process is counted as one core at most, but for hashing:
nearly all of the rest is Python, and one thread of Python runs at a time. Reading from sockets leaves that lock
too, and is not taken off; so this errs on the safe side.
"""

from math import ceil, inf
from typing import NamedTuple

THOUSAND = 1000  # photos a second that a host is sized for


class Parts(NamedTuple):
    """CPU milliseconds that a photo takes on this machine."""

    main: float  # of the main process, but for what is below
    decode: float  # of the decoder processes
    hashing: float = 0.0  # of the photo's bytes; outside of Python's lock
    infer: float = 0.0  # of the model, where it runs on the CPU; outside of Python's lock


def ceiling(parts: Parts, cores: int, device: float = inf) -> tuple[float, str]:
    """The most photos/s of one worker on so many cores, and what sets the bound. `device` in photos/s."""
    bounds = {"device": device, "cores": 1000 * cores / sum(parts), "main process": 1000 / parts.main}
    bound = min(bounds, key=bounds.__getitem__)
    return bounds[bound], bound


def cores_needed(parts: Parts) -> float:
    """Cores that THOUSAND photos/s keep busy."""
    return sum(parts) * THOUSAND / 1000


def workers_needed(parts: Parts) -> int:
    """How many workers that takes, each with one main process."""
    return ceil(parts.main * THOUSAND / 1000)
