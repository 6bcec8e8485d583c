"""prepare: fetch, decode and hash one photo each, in infer's helper threads, while the model runs.

A photo that S3 fails to give waits in a room, under its lease, and is fetched again when S3 answers.
"""

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from worker.decoders.decoder import Decoded, PhotoDecoder, check_size
from worker.errors import (
    AbandonedError,
    MessageError,
    OutOfMemoryError,
    Part,
    PhotoError,
    StoppingError,
    StorageError,
)
from worker.messages import Failed, Fetched, Outcome, Prepared, Scored, Upload
from worker.pipeline.lanes import Supply
from worker.pipeline.outages import Outages, Place
from worker.pipeline.prefetch import PrefetchWindow
from worker.pipeline.queues import BoundedQueue, ShutDown
from worker.pipeline.waiting_room import Held, WaitingRoom
from worker.results.content import content, identify
from worker.results.reuse import ScoreReuse
from worker.telemetry.counters import Telemetry

REST = 1.0  # seconds until a spare helper looks whether it is needed


@dataclass(kw_only=True, eq=False)
class Prepare:
    """Each step takes one upload. Photos that fail or need no scoring pass the model by."""

    uploads: Supply[Upload | Outcome]
    ready: BoundedQueue[Prepared]
    outcomes: BoundedQueue[Outcome]
    decoder: PhotoDecoder
    window: PrefetchWindow
    objective_seconds: float  # target time from upload to score
    reuse: ScoreReuse
    outages: Outages
    room: WaitingRoom[Upload]
    telemetry: Telemetry
    stopping: threading.Event
    clock: Callable[[], float]

    def step(self, rank: int = 0) -> None:
        """Prepare one upload, if the window has room for this helper's rank."""
        if self.window.admits(rank, REST):
            try:
                self._work()
            except ShutDown:
                self.window.open()  # wakes the helpers that wait at the window: they must end too
                self._return_held()
                raise

    def _work(self) -> None:
        """Take what is due in the room first."""
        if self.stopping.is_set():
            self._return_held()
        held = self.room.take()
        if held:
            try:
                self._hand_on(held.item, held)
            finally:
                self.room.end_try(held)
        else:
            try:
                item = self.uploads.get(timeout=self.room.look if len(self.room) else REST)
            except queue.Empty:
                return
            if isinstance(item, Upload):
                self.telemetry.count(f"photos_by_{item.object.via}")
            self._hand_on(item)

    def _return_held(self) -> None:
        """Let other workers have what waits for S3."""
        for upload in self.room.leave():
            now = self.clock()
            error = StoppingError("S3 did not answer before the stop")
            self.outcomes.put(Failed(upload, error, _timings_until_work(upload, now), now))

    def _hand_on(self, item: Upload | Outcome, held: Held[Upload] | None = None) -> None:
        result = self._prepare(item, held) if isinstance(item, Upload) else item
        if isinstance(result, Prepared):
            self.ready.put(result)
        elif result is not None:
            self.outcomes.put(result)

    def _prepare(self, upload: Upload, held: Held[Upload] | None) -> Prepared | Outcome | None:
        """Return what became of the photo; None if it waits in the room."""
        begun = self.clock()
        self.telemetry.moved(upload, "fetch")
        timings = _timings_until_work(upload, begun)
        deadline = begun - sum(timings.values()) / 1000 + self.objective_seconds
        try:
            fetched = self._fetch(upload, held)
            if fetched is None:
                return None
            upload = _name_bytes(upload, fetched)
            copy = self.reuse.of_same_bytes(upload)
            fetched_at = self.clock()
            timings["fetch"] = (fetched_at - begun) * 1000
            if copy:
                scores, look, decoded = copy
                return Scored(upload, scores, *look, timings, fetched_at, decoded)
            self.telemetry.moved(upload, "decode")
            pixels, look, decode_seconds, decoded = self._decode(fetched)
        except MessageError as error:
            return self._fail(_name_refused(upload, error), timings, begun, error)
        except MemoryError as error:
            return self._fail(upload, timings, begun, OutOfMemoryError(str(error) or "no memory left"))
        ready_at = self.clock()
        timings["decode"] = (ready_at - fetched_at) * 1000
        self.window.note(fetch=fetched_at - begun, decode=decode_seconds)
        if found := self.reuse.of_look_alike(upload, look):
            return Scored(upload, found, *look, timings, ready_at, decoded)
        self.telemetry.moved(upload, "ready")
        return Prepared(upload, pixels, *look, timings, ready_at, deadline, decoded)

    def _fail(self, upload: Upload, timings: dict[str, float], begun: float, error: MessageError) -> Failed:
        """Count the time up to the error for the step that could not finish."""
        now = self.clock()
        step = "decode" if "fetch" in timings else "fetch"
        timings[step] = (now - begun) * 1000 - timings.get("fetch", 0.0)
        return Failed(upload, error, timings, now)

    def _decode(self, fetched: Fetched) -> Decoded:
        self.uploads.alive()  # the look-up of its bytes may have taken long
        return self.decoder.decode(fetched.pieces, fetched.sha256, self.uploads.alive)

    def _fetch(self, upload: Upload, held: Held[Upload] | None) -> Fetched | None:
        """Fetch. None if S3 fails and the photo waits in the room."""
        source = upload.source
        if not source.wants(upload):
            raise AbandonedError("nobody waits for it")
        if source.is_patient and self.stopping.is_set():
            raise StoppingError("not started")
        check_size(upload.object.size, self.decoder.max_bytes)
        if not source.is_patient:
            return source.fetch(upload, self.decoder.max_bytes, self.uploads.alive)
        bucket = (Part.STORAGE, upload.object.bucket)
        if held is None and self.outages.ongoing(bucket):  # those in the room probe it
            self._hold(upload, bucket)
            return None
        try:
            fetched = source.fetch(upload, self.decoder.max_bytes, self.uploads.alive)
        except StorageError as error:
            self._hold_or_raise(upload, bucket, error, held)
            return None
        except MessageError:
            self.room.note_success(bucket)  # it answered
            raise
        self.room.note_success(bucket)
        return fetched

    def _hold_or_raise(
        self, upload: Upload, bucket: Place, error: StorageError, held: Held[Upload] | None
    ) -> None:
        """Hold the photo. Raise if it fails again although others of its bucket were read meanwhile."""
        if self.stopping.is_set():
            raise StoppingError("S3 did not answer before the stop") from error
        if held and held.answered:
            raise error
        self.telemetry.warn(
            "fetch_failed",
            image_id=upload.photo.image_id,
            bucket=upload.object.bucket,
            reason=str(error),
            **upload.trace,
        )
        self.outages.note_failure(bucket, str(error), upload.photo)
        self._hold(upload, bucket)

    def _hold(self, upload: Upload, bucket: Place) -> None:
        self.telemetry.moved(upload, "held")
        self.room.put(upload.key, upload, bucket)


def _name_bytes(upload: Upload, fetched: Fetched) -> Upload:
    """Name what S3 gave for an upload: it may be other content than announced."""
    return replace(upload, object=identify(fetched, upload.object, upload.event))


def _name_refused(upload: Upload, error: MessageError) -> Upload:
    """Name what S3 has, if that was refused before its bytes were read. So the refusal is written once.

    If S3 names nothing, the failure is of what was announced, where that is surely the newest content.
    """
    if not isinstance(error, PhotoError):
        return upload
    if error.etag or error.version_id:
        return _name_bytes(upload, Fetched((), error.etag, error.version_id, upload.object.sha256))
    if upload.event and upload.is_newest and content(upload.object) == "":
        return replace(upload, object=upload.event)
    return upload


def _timings_until_work(upload: Upload, begun: float) -> dict[str, float]:
    """Milliseconds by step until the work began, never negative: other machines' clocks may be ahead.

    A photo by HTTP was in no queue, and a request may not say when its photo was uploaded: such steps are absent.
    """
    message = upload.message
    timings = {}
    if upload.uploaded_at and message.sent_at:
        timings["notify"] = _milliseconds(upload.uploaded_at, message.sent_at)
    if message.sent_at:
        timings["queue"] = _milliseconds(message.sent_at, message.received_at)
    return {**timings, "wait": max(0.0, (begun - message.received) * 1000)}


def _milliseconds(since: datetime, until: datetime) -> float:
    return max(0.0, (until - since).total_seconds() * 1000)
