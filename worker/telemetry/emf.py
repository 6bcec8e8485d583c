"""CloudWatch metrics as lines of the embedded metric format (EMF): no agent, no API calls.

Nothing is sampled or averaged: every observed value is in a line, so percentiles over all workers
are exact. Of a peak, each interval's highest value is in one. Format: "Specification: Embedded metric
format" in the Amazon CloudWatch user guide.
"""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from worker.telemetry import metrics
from worker.telemetry.metrics import COUNTERS, DISTRIBUTIONS, DOOR_COUNTERS, DOOR_DISTRIBUTIONS

MAX_VALUES = 100  # of one metric in a line, by the specification
UNITS = {one.name: "Count" for one in (*COUNTERS, *DOOR_COUNTERS)} | {
    one.name: one.unit for one in (*DISTRIBUTIONS, *DOOR_DISTRIBUTIONS)
}


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
    has_door: bool = False  # whether photos come by HTTP too

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._written_at = self.clock()
        self._counts: Counter[str] = Counter()
        measured = (*DISTRIBUTIONS, *DOOR_DISTRIBUTIONS) if self.has_door else DISTRIBUTIONS
        self._names = {one.source: one.name for one in measured}
        self._peaks: dict[str, float | None] = {one.source: None for one in measured if one.peak}
        self._values: dict[str, list[float]] = {one.source: [] for one in measured if not one.peak}

    def count(self, name: str, by: int) -> None:
        """Add to a count."""
        with self._lock:
            self._counts[name] += by

    def observe(self, name: str, value: float) -> None:
        """Keep one value for the next line; ignore names that are no metric."""
        with self._lock:
            if name in self._values:
                self._values[name].append(round(value, 2))
            elif name in self._peaks:
                self._peaks[name] = max(value, self._peaks[name] or 0)

    def flush(self, *, last: bool) -> None:
        """Write what is due."""
        now, first, door = self.clock(), dict[str, float](), dict[str, float]()
        with self._lock:
            due = last or now - self._written_at >= self.interval
            if not due and all(len(values) < MAX_VALUES for values in self._values.values()):
                return
            values, self._values = self._values, {name: [] for name in self._values}
            if due:
                counts, self._counts, self._written_at = self._counts, Counter(), now
                first = _sums(COUNTERS, counts)
                door = _sums(DOOR_COUNTERS, counts) | self._take_peaks() if self.has_door else {}
        for members in self._split_into_lines(first, values):
            self._write(members)
        if door:  # in a line of their own: some log drivers split lines over 16 KiB
            self._write(door)
        if last:
            self.stream.drain()

    def _take_peaks(self) -> dict[str, float]:
        """The highest value of each since the last call. The caller holds the lock."""
        peaks, self._peaks = self._peaks, dict.fromkeys(self._peaks)
        return {self._names[name]: peak for name, peak in peaks.items() if peak is not None}

    def _split_into_lines(
        self, first: Mapping[str, float], values: Mapping[str, list[float]]
    ) -> Iterator[dict[str, float | list[float]]]:
        """Yield the members of each line, up to MAX_VALUES of a metric. Only the first line has `first`."""
        longest = max(map(len, values.values()))
        for start in range(0, max(1, longest), MAX_VALUES):
            chunk = {self._names[name]: some[start : start + MAX_VALUES] for name, some in values.items()}
            yield (dict(first) if start == 0 else {}) | {name: some for name, some in chunk.items() if some}

    def _write(self, members: Mapping[str, Any]) -> None:
        directive = {
            "Namespace": self.namespace,
            "Dimensions": [["Service"]],
            "Metrics": [{"Name": name, "Unit": UNITS[name]} for name in members],
        }
        metadata = {"Timestamp": int(self.now() * 1000), "CloudWatchMetrics": [directive]}
        line = json.dumps({"_aws": metadata, "Service": self.service, **members}, separators=(",", ":"))
        self.stream.write(f"{line}\n")


def _sums(counters: Iterable[metrics.Counter], counts: Mapping[str, int]) -> dict[str, float]:
    sums = [(one, sum(counts.get(name, 0) for name in one.counts)) for one in counters]
    return {one.name: number for one, number in sums if number or not one.is_rare}
