"""Metrics as lines of CloudWatch's embedded metric format: CloudWatch takes them out of the log, no agent, no calls.

Nothing is sampled or averaged here: each value that was observed is in a line, so that percentiles over all workers are
true. Format: "Specification: Embedded metric format" in the Amazon CloudWatch user guide.
"""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from worker.telemetry.metrics import COUNTERS, DISTRIBUTIONS

MOST_VALUES = 100  # of one metric in a line, by the specification


class Stream(Protocol):
    """Where lines go; neither call raises, nor keeps the main thread waiting for long."""

    def write(self, line: str, /) -> object:
        """Take a line."""
        ...

    def flush(self) -> object:
        """Bring on what was taken."""
        ...


class EmbeddedMetrics:
    """A sink that writes a line when `interval` seconds have gone, and earlier when a line is full; thread-safe.

    Counters are written with every interval, also those that are 0, so that an alarm can tell nothing from no worker.
    Values are only gathered by the threads that observe them; whoever calls `flush` writes.
    """

    def __init__(
        self,
        stream: Stream,
        *,
        namespace: str,
        service: str,
        interval: float,
        clock: Callable[[], float],
        now: Callable[[], float],
    ) -> None:
        """`now` gives Unix time in seconds; `interval` in seconds, by the `clock`."""
        self._stream = stream
        self._namespace = namespace
        self._service = service
        self._interval = interval
        self._clock = clock
        self._now = now
        self._lock = threading.Lock()
        self._written = clock()
        self._counts: Counter[str] = Counter()
        self._values: dict[str, list[float]] = {one.observed: [] for one in DISTRIBUTIONS}

    def count(self, name: str, by: int) -> None:
        """Add to a count."""
        with self._lock:
            self._counts[name] += by

    def observe(self, name: str, value: float) -> None:
        """Keep one value for the next line; a name that is no metric is dropped."""
        with self._lock:
            if name in self._values:
                self._values[name].append(round(value, 2))

    def flush(self, *, last: bool) -> None:
        """Write what is due."""
        now = self._clock()
        with self._lock:
            due = last or now - self._written >= self._interval
            if not due and all(len(values) < MOST_VALUES for values in self._values.values()):
                return
            values, self._values = self._values, {name: [] for name in self._values}
            counts = self._counts if due else None
            if due:
                self._counts, self._written = Counter(), now
        for members in _lines(counts, values):
            self._write(members)
        if last:
            self._stream.flush()

    def _write(self, members: Mapping[str, Any]) -> None:
        directive = {
            "Namespace": self._namespace,
            "Dimensions": [["Service"]],
            "Metrics": [{"Name": name, "Unit": UNITS[name]} for name in members],
        }
        about = {"Timestamp": int(self._now() * 1000), "CloudWatchMetrics": [directive]}
        line = json.dumps({"_aws": about, "Service": self._service, **members}, separators=(",", ":"))
        self._stream.write(f"{line}\n")


UNITS = {one.name: "Count" for one in COUNTERS} | {one.name: one.unit for one in DISTRIBUTIONS}


def _lines(
    counts: Mapping[str, int] | None, values: Mapping[str, list[float]]
) -> Iterator[dict[str, int | list[float]]]:
    """Members of each line to write: counters in the first one only, up to a hundred values of a metric in each."""
    first: dict[str, int | list[float]] = {}
    if counts is not None:
        first = {one.name: sum(counts.get(name, 0) for name in one.counts) for one in COUNTERS}
    longest = max(map(len, values.values()))
    for start in range(0, max(1, longest), MOST_VALUES):
        chunk = {one.name: values[one.observed][start : start + MOST_VALUES] for one in DISTRIBUTIONS}
        yield (first if start == 0 else {}) | {name: some for name, some in chunk.items() if some}
