"""infer: score batches of prepared photos, on one device or on several at a time."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from worker.errors import BatchTooLargeError, ModelError, Part
from worker.inference import scoring
from worker.inference.serving import Replica, Serving
from worker.messages import Failed, Outcome, Outputs, Prepared, Scored
from worker.pipeline.batching import Batching
from worker.pipeline.outages import Outages
from worker.pipeline.queues import BoundedQueue
from worker.pipeline.service_times import ServiceTimes
from worker.pipeline.threads import Step
from worker.telemetry.counters import Telemetry

IDLE = 1.0  # seconds a step waits for its first photo


@dataclass(kw_only=True, eq=False)
class Infer:
    """`steps` has one step per replica. Each takes its next batch from the shared queue when it is free."""

    ready: BoundedQueue[Prepared]
    outcomes: BoundedQueue[Outcome]
    serving: Serving
    service_times: ServiceTimes
    batch_wait_seconds: float  # longest wait for a fuller batch, see worker/pipeline/batching.py
    telemetry: Telemetry
    outages: Outages
    clock: Callable[[], float]

    def __post_init__(self) -> None:
        self._largest_possible: float = math.inf  # until a larger batch finds no memory

        def batching() -> Batching[Prepared]:
            return Batching(
                self.ready,
                since=lambda photo: photo.ready_at,
                deadline=lambda photo: photo.deadline,
                expected=self.service_times.expected,
                wait=self.batch_wait_seconds,
                clock=self.clock,
            )

        self.steps: list[Step] = [
            partial(self._step, number, batching()) for number in range(len(self.serving.replicas))
        ]

    def _step(self, number: int, batching: Batching[Prepared]) -> None:
        """Score what is ready. Raises ShutDown once the helpers have ended and `ready` is empty."""
        batch, closed = batching.take(self._largest(self.serving.replicas[number]), IDLE)
        if batch:
            self.telemetry.batch(len(batch), closed)
            self._score(self.serving.replicas[number], batch)

    def _score(self, replica: Replica, batch: Sequence[Prepared]) -> None:
        """Run the models. Halve a batch they refuse, so that one bad photo fails alone."""
        parts = [batch]
        while parts:
            part = parts.pop()
            self.outcomes.alive()  # each try may take long
            refused = len(part) > self._largest(replica) or not self._try_to_score(replica, part)
            if refused:
                middle = len(part) // 2
                parts += [part[middle:], part[:middle]]

    def _try_to_score(self, replica: Replica, batch: Sequence[Prepared]) -> bool:
        """Run the models once. False when they refuse the batch and it can be halved."""
        begun = self.clock()
        try:
            outputs = self._predict(replica, batch)
        except ModelError as error:
            if isinstance(error, BatchTooLargeError):
                self._take_less_than(len(batch))
            if len(batch) == 1:
                self.outcomes.put(self._fail(batch[0], error))
                return True
            self.telemetry.warn("batch_refused", size=len(batch), reason=str(error))
            return False
        done = self.clock()
        self.outages.note_success(Part.MODEL)
        self.service_times.note(len(batch), done - begun)
        self.outcomes.put_all(
            [self._outcome(photo, (replica, outputs, n), begun, done) for n, photo in enumerate(batch)]
        )
        return True

    def _take_less_than(self, size: int) -> None:
        """Never again take a batch as large as one that found no memory."""
        smaller = max(1, size // 2)
        if smaller < self._largest_possible:
            self._largest_possible = smaller
            self.telemetry.warn("batch_size_lowered", size=smaller)

    def _largest(self, replica: Replica) -> int:
        return int(min(self._largest_possible, *(model.largest_batch for model in replica)))

    def _predict(self, replica: Replica, batch: Sequence[Prepared]) -> list[Outputs]:
        """Each model's outputs for the batch. Copies of one photo go through the models once."""
        distinct, places = _without_copies(batch)
        pixels = np.stack([photo.pixels for photo in distinct])
        outputs = [model.predict(pixels) for model in replica]
        for model, rows_by_role in zip(replica, outputs, strict=True):
            for role, rows in rows_by_role.items():
                if len(rows) != len(distinct):
                    name = model.bundle.name
                    raise ModelError(f"model {name} gave {len(rows)} {role} for {len(distinct)} photos")
        if len(distinct) == len(batch):
            return outputs
        return [{role: rows[places] for role, rows in one.items()} for one in outputs]

    def _outcome(
        self, photo: Prepared, row: tuple[Replica, Sequence[Outputs], int], begun: float, done: float
    ) -> Outcome:
        replica, outputs, index = row
        try:
            bundles = [model.bundle for model in replica]
            scores = scoring.score(bundles, outputs, index, photo.upload.photo.image_id)
        except ModelError as error:
            return self._fail(photo, error)
        waited, took = (begun - photo.ready_at) * 1000, (done - begun) * 1000
        timings = {**photo.timings, "batch_wait": waited, "infer": took}
        return Scored(photo.upload, scores, photo.image_hash, timings, done)

    def _fail(self, photo: Prepared, error: ModelError) -> Failed:
        self.outages.note_failure(Part.MODEL, str(error))
        return Failed(photo.upload, error, photo.timings, self.clock())


def _without_copies(batch: Sequence[Prepared]) -> tuple[list[Prepared], list[int]]:
    """The photos with distinct bytes, and the place among them of each photo in the batch."""
    distinct, places, known = list[Prepared](), list[int](), dict[object, int]()
    for photo in batch:
        place = known.setdefault(photo.upload.object.sha256 or id(photo), len(distinct))
        if place == len(distinct):
            distinct.append(photo)
        places.append(place)
    return distinct, places
