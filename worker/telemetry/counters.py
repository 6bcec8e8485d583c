"""Counts what happens in the worker, logs it, and passes the figures on to the metric sinks."""

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Protocol

import structlog


class Sink(Protocol):
    """Where figures go besides the log, by the names of metrics.py; thread-safe, quick, and never raises."""

    def count(self, name: str, by: int) -> None:
        """Add to a count."""
        ...

    def observe(self, name: str, value: float) -> None:
        """Note one value, of latencies in milliseconds."""
        ...

    def flush(self, *, last: bool) -> None:
        """Send on what is due; all of it, the `last` time."""
        ...


class Telemetry:
    """Counts and log lines of the worker's events, and the same figures to the `sinks`; thread-safe."""

    def __init__(self, sinks: Sequence[Sink] = ()) -> None:
        self._log = structlog.get_logger()
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._sinks = tuple(sinks)

    def count(self, name: str, by: int = 1) -> None:
        """Add to a count."""
        with self._lock:
            self._counts[name] += by
        for sink in self._sinks:
            sink.count(name, by)

    def observe(self, name: str, value: float) -> None:
        """Note one value of a distribution; the log has none of it."""
        for sink in self._sinks:
            sink.observe(name, value)

    def flush(self, *, last: bool = False) -> None:
        """Let the sinks send on what is due: to be called every second or so, and at the end."""
        for sink in self._sinks:
            sink.flush(last=last)

    @property
    def counts(self) -> dict[str, int]:
        """A copy of all counts so far."""
        with self._lock:
            return dict(self._counts)

    def photo(
        self, status: str, *, image_id: str, timings_ms: Mapping[str, float], **details: object
    ) -> None:
        """One line per photo: its id, what became of it, and where its time went."""
        self.count(f"photos_{status}")
        if status != "already_scored":  # nobody waited for those
            for step, ms in timings_ms.items():
                self.observe(f"latency_{step}", ms)
        ledger = {step: round(ms, 1) for step, ms in timings_ms.items()}
        self._log.info(status, image_id=image_id, **details, timings_ms=ledger)

    def batch(self, size: int, closed: str) -> None:
        """One batch, and why it took no more photos: `full`, `device_free` or `deadline`."""
        for name, by in (("batches", 1), (f"batches_closed_{closed}", 1), ("batched_photos", size)):
            self.count(name, by)
        self.observe("batch_size", size)
        self._log.debug("batch", size=size, closed=closed)

    def objective(self, met: bool, slowest: str) -> None:
        """Whether a photo was scored in time, else which step took the most of it."""
        self.count("objective_met" if met else "objective_missed")
        if not met:
            self.count(f"objective_missed_by_{slowest}")

    def received(self, messages: int, seconds: float, again: int = 0) -> None:
        """One receive: how many messages it brought, `again` of them not for the first time, and how long it waited."""
        self.count("receives")
        self.count("messages_received", messages)
        self.count("redeliveries", again)
        self._log.debug("received", messages=messages, seconds=round(seconds, 3))

    def event(self, name: str, **details: object) -> None:
        """Something ordinary happened."""
        self.count(name)
        self._log.info(name, **details)

    def warn(self, name: str, **details: object) -> None:
        """Something happened that somebody should look at."""
        self.count(name)
        self._log.warning(name, **details)

    def fail(self, name: str, error: BaseException | None = None, **details: object) -> None:
        """The worker ends for this."""
        self.count(name)
        self._log.error(name, **details, **({"exc_info": error} if error else {}))
