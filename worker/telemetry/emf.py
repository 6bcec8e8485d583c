"""CloudWatch metrics as lines of the embedded metric format (EMF): no agent, no API calls.

Nothing is sampled or averaged: every observed value is in a line, so percentiles over all workers
are exact. Format: "Specification: Embedded metric format" in the Amazon CloudWatch user guide.
"""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from worker.telemetry.metrics import COUNTERS, DISTRIBUTIONS

MAX_VALUES = 100  # of one metric in a line, by the specification
UNITS = {one.name: "Count" for one in COUNTERS} | {one.name: one.unit for one in DISTRIBUTIONS}


class Stream(Protocol):
    """Takes the lines. Never raises, and never blocks the main thread for long."""

    def write(self, line: str, /) -> object:
        """Take a line."""

    def drain(self) -> object:
        """Write out the lines taken so far, or give up after a moment."""


@dataclass(eq=False)
class EmbeddedMetrics:
    """A sink that writes a line every `interval` seconds, or earlier when a line is full.

    Thread-safe. Each interval's line has every counter, zeros included, so that an alarm can tell an idle worker
    from none. Threads only collect values; the caller of `flush` does the writing.
    """

    stream: Stream
    namespace: str
    service: str
    interval: float  # seconds of the monotonic `clock`
    clock: Callable[[], float]
    now: Callable[[], float]  # Unix time in seconds

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._written_at = self.clock()
        self._counts: Counter[str] = Counter()
        self._values: dict[str, list[float]] = {one.source: [] for one in DISTRIBUTIONS}

    def count(self, name: str, by: int) -> None:
        """Add to a count."""
        with self._lock:
            self._counts[name] += by

    def observe(self, name: str, value: float) -> None:
        """Keep one value for the next line; ignore names that are no metric."""
        with self._lock:
            if name in self._values:
                self._values[name].append(round(value, 2))

    def flush(self, *, last: bool) -> None:
        """Write what is due."""
        now = self.clock()
        with self._lock:
            due = last or now - self._written_at >= self.interval
            if not due and all(len(values) < MAX_VALUES for values in self._values.values()):
                return
            values, self._values = self._values, {name: [] for name in self._values}
            counts = self._counts if due else None
            if due:
                self._counts, self._written_at = Counter(), now
        for members in _split_into_lines(counts, values):
            self._write(members)
        if last:
            self.stream.drain()

    def _write(self, members: Mapping[str, Any]) -> None:
        directive = {
            "Namespace": self.namespace,
            "Dimensions": [["Service"]],
            "Metrics": [{"Name": name, "Unit": UNITS[name]} for name in members],
        }
        metadata = {"Timestamp": int(self.now() * 1000), "CloudWatchMetrics": [directive]}
        line = json.dumps({"_aws": metadata, "Service": self.service, **members}, separators=(",", ":"))
        self.stream.write(f"{line}\n")


def _split_into_lines(
    counts: Mapping[str, int] | None, values: Mapping[str, list[float]]
) -> Iterator[dict[str, int | list[float]]]:
    """Yield the members of each line, up to MAX_VALUES of a metric. The first has the counters."""
    counters: dict[str, int | list[float]] = {}
    if counts is not None:
        counters = {one.name: sum(counts.get(name, 0) for name in one.counts) for one in COUNTERS}
    longest = max(map(len, values.values()))
    for start in range(0, max(1, longest), MAX_VALUES):
        chunk = {one.name: values[one.source][start : start + MAX_VALUES] for one in DISTRIBUTIONS}
        yield (counters if start == 0 else {}) | {name: some for name, some in chunk.items() if some}
