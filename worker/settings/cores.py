"""How many cores this process may use: fewer than the machine has where affinity or a container's quota says so."""

import math
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

NO_QUOTA = {"max", "-1"}  # as version 2 and 1 of Linux's control groups write it


def cores(root: Path = Path("/")) -> int:
    """Count them, at least 1. A quota of one and a half cores counts as two: threads can use both for a while.

    `root` has the folders `proc` and `sys`.
    """
    try:
        quotas = [*_quotas(root)]
    except (ValueError, ZeroDivisionError):  # written otherwise than known
        quotas = []
    return max(1, min([_allowed(), *map(math.ceil, quotas)]))


def _allowed() -> int:
    """Cores that the scheduler may put this process on."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _quotas(root: Path) -> Iterator[float]:
    """CPU seconds a second that each control group of this process may use, if that is bounded (cgroups(7))."""
    try:
        groups = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:  # no Linux
        return
    for group in groups:
        _, controllers, path = group.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        base = root / "sys/fs/cgroup" / ("cpu" if controllers else "")
        inside = PurePosixPath(path).relative_to("/")
        for folder in (inside, *inside.parents):  # a bound of an outer group holds too
            yield from _quota(base / folder)


def _quota(folder: Path) -> Iterator[float]:
    words = _read(folder / "cpu.max") or [
        word for name in ("cpu.cfs_quota_us", "cpu.cfs_period_us") for word in _read(folder / name)
    ]
    match words:
        case [quota, period] if quota not in NO_QUOTA:
            yield int(quota) / int(period)


def _read(file: Path) -> list[str]:
    """The words of a file; none where there is no such file: a container sees its own groups only."""
    try:
        return file.read_text().split()
    except OSError:
        return []
