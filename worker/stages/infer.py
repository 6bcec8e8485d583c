"""infer: helpers fetch and prepare photos while the model runs on the batch before."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

import numpy as np
import numpy.typing as npt

from worker import images, scoring
from worker.batching import take_batch
from worker.bundle import Bundle
from worker.errors import (
    BatchTooLargeError,
    MessageError,
    ModelError,
    OutOfMemoryError,
    StoppingError,
    StorageError,
    TooManyBytesError,
)
from worker.images import Target
from worker.messages import Fetched, Outcome, Outputs, Prepared, Scored, Upload
from worker.outages import Outages, Part
from worker.queues import BoundedQueue
from worker.telemetry import Telemetry

IDLE = 1.0  # seconds a step waits for its first photo


class Model(Protocol):
    """What runs a model, whatever the runtime."""

    @property
    def bundle(self) -> Bundle:
        """What its outputs mean."""
        ...

    @property
    def largest_batch(self) -> int:
        """Most photos per call."""
        ...

    def predict(self, batch: npt.NDArray[np.uint8]) -> Outputs:
        """Run on uint8 [N, height, width, 3]; role → array of N rows. Raises ModelError, BatchTooLargeError."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """What a photo may cost."""

    max_bytes: int
    max_pixels: int
    decoders: int  # photos that may be decoded at the same time: each may need hundreds of megabytes


class Infer:
    """`help` prepares one photo, `step` scores one batch; they meet in the queue `ready`."""

    def __init__(
        self,
        *,
        uploads: BoundedQueue[Upload | Outcome],
        ready: BoundedQueue[Prepared],
        outcomes: BoundedQueue[Outcome],
        models: Sequence[Model],
        limits: Limits,
        batch_wait: float,
        telemetry: Telemetry,
        outages: Outages,
        stopping: threading.Event,
        clock: Callable[[], float],
    ) -> None:
        self._uploads = uploads
        self._ready = ready
        self._outcomes = outcomes
        self._models = models
        self._bundles = [model.bundle for model in models]
        self._target: Target = self._bundles[0].manifest.input.target
        self._largest = min(model.largest_batch for model in models)
        self._limits = limits
        self._decoding = threading.BoundedSemaphore(limits.decoders)
        self._batch_wait = batch_wait
        self._telemetry = telemetry
        self._outages = outages
        self._stopping = stopping
        self._clock = clock

    # The helpers' side

    def help(self) -> None:
        """Prepare one upload; what cannot be prepared, or needs no scoring, passes the model by."""
        item = self._uploads.get()
        if isinstance(item, Outcome):
            self._outcomes.put(item)
            return
        if self._stopping.is_set():
            self._outcomes.put(self._outcome(item, {}, error=StoppingError("not started")))
            return
        prepared = self._prepare(item)
        if isinstance(prepared, Prepared):
            self._ready.put(prepared)
        else:
            self._outcomes.put(prepared)

    def _prepare(self, upload: Upload) -> Prepared | Outcome:
        begun = self._clock()
        timings = _on_the_way(upload, begun)
        try:
            if upload.object.size is not None and upload.object.size > self._limits.max_bytes:
                raise TooManyBytesError(f"{upload.object.size} bytes are more than {self._limits.max_bytes}")
            fetched = self._fetch(upload)
            at_hand = self._clock()
            timings["fetch"] = (at_hand - begun) * 1000
            with self._decoding:
                pixels, image_hash = images.prepare(fetched.data, self._target, self._limits.max_pixels)
        except MessageError as error:
            return self._outcome(upload, timings, error=error)
        except MemoryError as error:
            return self._outcome(upload, timings, error=OutOfMemoryError(str(error) or "no memory left"))
        ready_at = self._clock()
        timings["decode"] = (ready_at - at_hand) * 1000
        return Prepared(_as_fetched(upload, fetched), pixels, image_hash, timings, ready_at)

    def _fetch(self, upload: Upload) -> Fetched:
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

    # The model's side

    def step(self) -> None:
        """Score what is ready; raises ShutDown once the helpers have ended and `ready` is empty."""
        batch = take_batch(
            self._ready,
            self._largest,
            idle=IDLE,
            wait=self._batch_wait,
            since=lambda photo: photo.ready_at,
            clock=self._clock,
        )
        if batch:
            self._telemetry.batch(len(batch))
            self._score(batch)

    def _score(self, batch: Sequence[Prepared]) -> None:
        """Run the models; a batch they refuse is halved, so that one photo fails alone."""
        parts = [batch]
        while parts:
            part = parts.pop()
            refused = len(part) > self._largest or not self._score_part(part)
            if refused:
                middle = len(part) // 2
                parts += [part[middle:], part[:middle]]

    def _score_part(self, batch: Sequence[Prepared]) -> bool:
        """Run the models once; whether every photo has its outcome."""
        begun = self._clock()
        try:
            outputs = self._predict(batch)
        except ModelError as error:
            if isinstance(error, BatchTooLargeError):
                self._take_less_than(len(batch))
            if len(batch) == 1:
                self._fail(batch[0], error)
                return True
            self._telemetry.warn("batch_refused", size=len(batch), reason=str(error))
            return False
        self._outages.worked(Part.MODEL)
        for index, photo in enumerate(batch):
            self._hand_on(photo, outputs, index, begun)
        return True

    def _take_less_than(self, size: int) -> None:
        """Never again a batch as large as one for which there was no memory."""
        smaller = max(1, size // 2)
        if smaller < self._largest:
            self._largest = smaller
            self._telemetry.warn("batch_size_lowered", size=smaller)

    def _predict(self, batch: Sequence[Prepared]) -> list[Outputs]:
        pixels = np.stack([photo.pixels for photo in batch])
        outputs = [model.predict(pixels) for model in self._models]
        for bundle, answer in zip(self._bundles, outputs, strict=True):
            for role, rows in answer.items():
                if len(rows) != len(batch):
                    raise ModelError(f"model {bundle.name}: {len(rows)} {role} for {len(batch)} photos")
        return outputs

    def _hand_on(self, photo: Prepared, outputs: Sequence[Outputs], index: int, begun: float) -> None:
        now = self._clock()
        waited, took = (begun - photo.ready_at) * 1000, (now - begun) * 1000
        timings = {**photo.timings, "batch_wait": waited, "infer": took}
        try:
            scored = scoring.score(self._bundles, outputs, index, photo.upload.image_id)
        except ModelError as error:
            self._fail(photo, error)
            return
        self._outcomes.put(self._outcome(photo.upload, timings, scored=scored, image_hash=photo.image_hash))

    def _fail(self, photo: Prepared, error: ModelError) -> None:
        self._outages.failed(Part.MODEL, str(error))
        self._outcomes.put(self._outcome(photo.upload, photo.timings, error=error))

    def _outcome(
        self,
        upload: Upload,
        timings: Mapping[str, float],
        *,
        scored: Scored | None = None,
        image_hash: str | None = None,
        error: MessageError | None = None,
    ) -> Outcome:
        return Outcome(
            upload.message,
            upload.source,
            upload=upload,
            scored=scored,
            image_hash=image_hash,
            error=error,
            timings=timings,
            at=self._clock(),
        )


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
    )
    return replace(upload, object=stored)
