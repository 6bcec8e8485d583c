"""Counts what happens, logs it, and passes the figures on to CloudWatch and Prometheus."""

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import structlog

from worker.messages import Upload
from worker.result import Via

Kind = TypeVar("Kind")


class Sink(Protocol):
    """Receives the figures under the names in metrics.py. Thread-safe, fast, and never raises."""

    def count(self, name: str, by: int) -> None:
        """Add to a count."""

    def observe(self, name: str, value: float) -> None:
        """Record one value; latencies are in milliseconds."""

    def flush(self, *, last: bool) -> None:
        """Send what is due; with `last`, send everything."""


@dataclass(frozen=True, slots=True)
class Reported:
    """A photo of which the worker knows what became of it, for now."""

    key: str  # of its upload
    image_id: str
    status: str  # as the log calls it
    way: Via
    code: str | None  # of its error
    trace: Mapping[str, str]  # request id and traceparent, if it has them
    ledger: Mapping[str, float]  # milliseconds by step, in their order
    ended: float  # monotonic seconds, at the end of the last step
    is_undone: bool = False  # nothing was written for it


class Tracer(Protocol):
    """Receives each photo that was reported. Thread-safe, fast, and never raises."""

    def photo(self, photo: Reported) -> None:
        """Take one photo."""

    def close(self) -> None:
        """Pass on what is left, or give up after a moment."""


class Watcher(Protocol):
    """Sees where photos are. Thread-safe, fast, and never raises."""

    def moved(self, upload: Upload, step: str) -> None:
        """See a photo come to a step: arrived, fetch, decode, ready, infer, commit, or held."""

    def photo(self, photo: Reported) -> None:
        """See what became of a photo."""


class Telemetry:
    """Counts and logs the worker's events, and copies the figures to the `sinks`. Thread-safe."""

    def __init__(self, sinks: Sequence[Sink] = ()) -> None:
        self._log = structlog.get_logger()
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._sinks = tuple(sinks)
        self.tracer: Tracer | None = None
        self.watcher: Watcher | None = None
        self._gauges: Callable[[], Mapping[str, float]] = dict

    def count(self, name: str, by: int = 1) -> None:
        """Add to a count."""
        with self._lock:
            self._counts[name] += by
        for sink in self._sinks:
            sink.count(name, by)

    def observe(self, name: str, value: float) -> None:
        """Record one value of a distribution; it goes to the sinks, not to the log."""
        for sink in self._sinks:
            sink.observe(name, value)

    def flush(self, *, last: bool = False) -> None:
        """Let the sinks send what is due. Call it every second or so, and at the end."""
        for name, value in self._gauges().items():
            self.observe(name, value)
        for sink in self._sinks:
            sink.flush(last=last)
        if last and self.tracer:
            self.tracer.close()

    def sink(self, kind: type[Kind]) -> Kind | None:
        """Find the sink of a kind."""
        return next((sink for sink in self._sinks if isinstance(sink, kind)), None)

    def watch(self, gauges: Callable[[], Mapping[str, float]]) -> None:
        """Observe what `gauges` gives, by name, at each flush."""
        self._gauges = gauges

    @property
    def counts(self) -> dict[str, int]:
        """A copy of all counts so far."""
        with self._lock:
            return dict(self._counts)

    def photo(
        self, status: str, *, image_id: str, timings_ms: Mapping[str, float], **details: object
    ) -> None:
        """Log one line for a photo: its id, its status, and the time each step took."""
        self.count(f"photos_{status}")
        if status != "already_scored":  # nobody waited for that result
            for sink in self._sinks:
                for step, ms in timings_ms.items():
                    sink.observe(f"latency_{step}", ms)
        steps = {step: round(ms, 1) for step, ms in timings_ms.items()}
        self._log.info(status, image_id=image_id, **details, timings_ms=steps)

    def moved(self, upload: Upload, step: str) -> None:
        """Tell the watcher, if there is one, to which step a photo has come."""
        if self.watcher:
            self.watcher.moved(upload, step)

    def trace(self, photo: Reported) -> None:
        """Pass a photo on to the tracer and the watcher, if there are any."""
        for one in (self.tracer, self.watcher):
            if one:
                one.photo(photo)

    def refuse(self, code: str) -> None:
        """Count a request that was answered with an error. There may be far too many to log each."""
        self.count(f"refusals_{code}")

    def batch(self, size: int, closed: str) -> None:
        """Record one batch and why it was closed: `full`, `device_free` or `deadline`."""
        for name, by in (("batches", 1), (f"batches_closed_{closed}", 1), ("batched_photos", size)):
            self.count(name, by)
        self.observe("batch_size", size)
        self._log.debug("batch", size=size, closed=closed)

    def objective(self, met: bool, slowest: str) -> None:
        """Record whether a photo was scored in time; if not, also its slowest step."""
        self.count("objective_met" if met else "objective_missed")
        if not met:
            self.count(f"objective_missed_by_{slowest}")

    def receive(self, messages: int, seconds: float, redeliveries: int = 0) -> None:
        """Record one receive: its messages, how many of them are redeliveries, and its duration."""
        self.count("receives")
        self.count("messages_received", messages)
        self.count("redeliveries", redeliveries)
        self._log.debug("received", messages=messages, seconds=round(seconds, 3))

    def event(self, name: str, **details: object) -> None:
        """Record something ordinary."""
        self.count(name)
        self._log.info(name, **details)

    def warn(self, name: str, **details: object) -> None:
        """Record something that a person should look at."""
        self.count(name)
        self._log.warning(name, **details)

    def fail(self, name: str, error: BaseException | None = None, **details: object) -> None:
        """Record an error that ends the worker."""
        self.count(name)
        self._log.error(name, **details, **({"exc_info": error} if error else {}))
