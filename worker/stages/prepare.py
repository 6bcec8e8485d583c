"""prepare: what infer's helpers do while the model runs: fetch, decode and hash one photo each."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from worker.errors import (
    MessageError,
    OutOfMemoryError,
    StoppingError,
    StorageError,
    TooManyBytesError,
)
from worker.messages import Fetched, Outcome, Prepared, Upload, outcome_of
from worker.photos import decoding
from worker.photos.decoding import Target
from worker.photos.hashes import Algorithm
from worker.pipeline.outages import Outages, Part
from worker.pipeline.prefetch import PrefetchWindow
from worker.pipeline.queues import BoundedQueue, ShutDown
from worker.results.reuse import ScoreReuse

REST = 1.0  # seconds until a helper looks again whether it is needed


@dataclass(frozen=True, slots=True)
class Limits:
    """What a photo may cost."""

    max_bytes: int
    max_pixels: int
    decoders: int  # photos that may be decoded at the same time: each may need hundreds of megabytes


class Prepare:
    """Each step takes one upload; what cannot be prepared, or needs no scoring, passes the model by."""

    def __init__(
        self,
        *,
        uploads: BoundedQueue[Upload | Outcome],
        ready: BoundedQueue[Prepared],
        outcomes: BoundedQueue[Outcome],
        target: Target,
        limits: Limits,
        algorithm: Algorithm,
        window: PrefetchWindow,
        objective: float,
        originals: ScoreReuse,
        outages: Outages,
        stopping: threading.Event,
        clock: Callable[[], float],
    ) -> None:
        """`objective` is in how many seconds from its upload on a photo is to be scored."""
        self._uploads = uploads
        self._ready = ready
        self._outcomes = outcomes
        self._target = target
        self._limits = limits
        self._algorithm = algorithm
        self._decoding = threading.BoundedSemaphore(limits.decoders)
        self._window = window
        self._objective = objective
        self._originals = originals
        self._outages = outages
        self._stopping = stopping
        self._clock = clock

    def step(self, rank: int = 0) -> None:
        """Prepare one upload, when the window reaches beyond this helper's rank."""
        if self._window.admits(rank, REST):
            try:
                self._hand_on(self._uploads.get())
            except ShutDown:
                self._window.open()  # all others are to hear of it, too
                raise

    def _hand_on(self, item: Upload | Outcome) -> None:
        if isinstance(item, Upload):
            prepared = self._prepare(item)
            if isinstance(prepared, Prepared):
                self._ready.put(prepared)
                return
            item = prepared
        self._outcomes.put(item)

    def _prepare(self, upload: Upload) -> Prepared | Outcome:
        begun = self._clock()
        timings = _on_the_way(upload, begun)
        deadline = begun - sum(timings.values()) / 1000 + self._objective
        try:
            fetched = self._fetch(upload)
            upload = _as_fetched(upload, fetched)
            copy = self._originals.of_bytes(upload)
            at_hand = self._clock()
            timings["fetch"] = (at_hand - begun) * 1000
            if copy:
                return outcome_of(upload, timings, at_hand, scored=copy[0], image_hash=copy[1])
            with self._decoding:
                decoding_since = self._clock()
                pixels, image_hash = decoding.prepare(
                    fetched.data, self._target, self._limits.max_pixels, self._algorithm
                )
        except MessageError as error:
            return self._given_up(upload, timings, begun, error)
        except MemoryError as error:
            trouble = OutOfMemoryError(str(error) or "no memory left")
            return self._given_up(upload, timings, begun, trouble)
        ready_at = self._clock()
        timings["decode"] = (ready_at - at_hand) * 1000
        self._window.note(fetch=at_hand - begun, decode=ready_at - decoding_since)
        if alike := self._originals.of_look(upload, image_hash):
            return outcome_of(upload, timings, ready_at, scored=alike, image_hash=image_hash)
        return Prepared(upload, pixels, image_hash, timings, ready_at, deadline)

    def _given_up(
        self, upload: Upload, timings: dict[str, float], begun: float, error: MessageError
    ) -> Outcome:
        """Its time counts, too: up to the error it was spent in the step that could not be finished."""
        now = self._clock()
        step = "decode" if "fetch" in timings else "fetch"
        timings[step] = (now - begun) * 1000 - timings.get("fetch", 0.0)
        return outcome_of(upload, timings, now, error=error)

    def _fetch(self, upload: Upload) -> Fetched:
        if self._stopping.is_set():
            raise StoppingError("not started")
        if upload.object.size is not None and upload.object.size > self._limits.max_bytes:
            raise TooManyBytesError(f"{upload.object.size} bytes are more than {self._limits.max_bytes}")
        try:
            fetched = upload.source.fetch(upload, self._limits.max_bytes)
        except StorageError as error:
            self._outages.failed(Part.STORAGE, str(error))
            raise
        except MessageError:
            self._outages.worked(Part.STORAGE)  # it answered
            raise
        self._outages.worked(Part.STORAGE)
        return fetched


def _on_the_way(upload: Upload, begun: float) -> dict[str, float]:
    """Milliseconds before the work began; clocks of other machines may run ahead of ours, time does not run back."""
    message = upload.message
    notify = _milliseconds(upload.uploaded_at, message.sent_at)
    queue = _milliseconds(message.sent_at or upload.uploaded_at, message.received_at)
    return {"notify": notify, "queue": queue, "wait": max(0.0, (begun - message.received) * 1000)}


def _milliseconds(since: datetime | None, until: datetime | None) -> float:
    return max(0.0, (until - since).total_seconds() * 1000) if since and until else 0.0


def _as_fetched(upload: Upload, fetched: Fetched) -> Upload:
    """The result names the bytes that were scored, which may be newer than the event."""
    stored = replace(
        upload.object,
        etag=fetched.etag or upload.object.etag,
        version_id=fetched.version_id or upload.object.version_id,
        sha256=fetched.sha256,
    )
    return replace(upload, object=stored)
