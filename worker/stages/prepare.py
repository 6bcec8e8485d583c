"""prepare: fetch, decode and hash one photo each, in infer's helper threads, while the model runs."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from worker.decoders.decoder import Decoded, PhotoDecoder, check_size
from worker.errors import MessageError, OutOfMemoryError, Part, StoppingError, StorageError
from worker.messages import Failed, Fetched, Outcome, Prepared, Scored, Upload
from worker.pipeline.outages import Outages
from worker.pipeline.prefetch import PrefetchWindow
from worker.pipeline.queues import BoundedQueue, ShutDown
from worker.results.reuse import ScoreReuse

REST = 1.0  # seconds until a spare helper looks whether it is needed


@dataclass(kw_only=True, eq=False)
class Prepare:
    """Each step takes one upload. Photos that fail or need no scoring pass the model by."""

    uploads: BoundedQueue[Upload | Outcome]
    ready: BoundedQueue[Prepared]
    outcomes: BoundedQueue[Outcome]
    decoder: PhotoDecoder
    window: PrefetchWindow
    objective_seconds: float  # target time from upload to score
    reuse: ScoreReuse
    outages: Outages
    stopping: threading.Event
    clock: Callable[[], float]

    def step(self, rank: int = 0) -> None:
        """Prepare one upload, if the window has room for this helper's rank."""
        if self.window.admits(rank, REST):
            try:
                self._hand_on(self.uploads.get())
            except ShutDown:
                self.window.open()  # wakes the helpers that wait at the window: they must end too
                raise

    def _hand_on(self, item: Upload | Outcome) -> None:
        result = self._prepare(item) if isinstance(item, Upload) else item
        if isinstance(result, Prepared):
            self.ready.put(result)
        else:
            self.outcomes.put(result)

    def _prepare(self, upload: Upload) -> Prepared | Outcome:
        begun = self.clock()
        timings = _timings_until_work(upload, begun)
        deadline = begun - sum(timings.values()) / 1000 + self.objective_seconds
        try:
            fetched = self._fetch(upload)
            upload = replace(upload, object=fetched.identify(upload.object))
            copy = self.reuse.of_same_bytes(upload)
            fetched_at = self.clock()
            timings["fetch"] = (fetched_at - begun) * 1000
            if copy:
                return Scored(upload, *copy, timings, fetched_at)
            pixels, image_hash, decode_seconds = self._decode(fetched)
        except MessageError as error:
            return self._fail(upload, timings, begun, error)
        except MemoryError as error:
            return self._fail(upload, timings, begun, OutOfMemoryError(str(error) or "no memory left"))
        ready_at = self.clock()
        timings["decode"] = (ready_at - fetched_at) * 1000
        self.window.note(fetch=fetched_at - begun, decode=decode_seconds)
        if scores := self.reuse.of_look_alike(upload, image_hash):
            return Scored(upload, scores, image_hash, timings, ready_at)
        return Prepared(upload, pixels, image_hash, timings, ready_at, deadline)

    def _fail(self, upload: Upload, timings: dict[str, float], begun: float, error: MessageError) -> Failed:
        """Count the time up to the error for the step that could not finish."""
        now = self.clock()
        step = "decode" if "fetch" in timings else "fetch"
        timings[step] = (now - begun) * 1000 - timings.get("fetch", 0.0)
        return Failed(upload, error, timings, now)

    def _decode(self, fetched: Fetched) -> Decoded:
        return self.decoder.decode(fetched.data, fetched.sha256, self.uploads.alive)

    def _fetch(self, upload: Upload) -> Fetched:
        if self.stopping.is_set():
            raise StoppingError("not started")
        check_size(upload.object.size, self.decoder.max_bytes)
        try:
            fetched = upload.source.fetch(upload, self.decoder.max_bytes, self.uploads.alive)
        except StorageError as error:
            self.outages.note_failure(Part.STORAGE, str(error))
            raise
        except MessageError:
            self.outages.note_success(Part.STORAGE)  # it answered
            raise
        self.outages.note_success(Part.STORAGE)
        return fetched


def _timings_until_work(upload: Upload, begun: float) -> dict[str, float]:
    """Milliseconds by step until the work began, never negative: other machines' clocks may be ahead."""
    message = upload.message
    notify = _milliseconds(upload.uploaded_at, message.sent_at)
    queue = _milliseconds(message.sent_at or upload.uploaded_at, message.received_at)
    return {"notify": notify, "queue": queue, "wait": max(0.0, (begun - message.received) * 1000)}


def _milliseconds(since: datetime | None, until: datetime | None) -> float:
    return max(0.0, (until - since).total_seconds() * 1000) if since and until else 0.0
