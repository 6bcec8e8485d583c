"""infer: score batches of prepared photos, on one device or on several at a time."""

import math
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from worker.errors import BatchTooLargeError, ModelError
from worker.inference import scoring
from worker.inference.serving import Replica, Serving
from worker.messages import Outcome, Outputs, Prepared, outcome_of
from worker.pipeline.batching import Batching
from worker.pipeline.outages import Outages, Part
from worker.pipeline.queues import BoundedQueue
from worker.pipeline.service_times import ServiceTimes
from worker.pipeline.threads import Step
from worker.telemetry.counters import Telemetry

IDLE = 1.0  # seconds a step waits for its first photo


class Infer:
    """`steps` has a step for each replica: each takes its next batch from the same queue as soon as it is free."""

    def __init__(
        self,
        *,
        ready: BoundedQueue[Prepared],
        outcomes: BoundedQueue[Outcome],
        serving: Serving,
        service_times: ServiceTimes,
        batch_wait: float,
        telemetry: Telemetry,
        outages: Outages,
        clock: Callable[[], float],
    ) -> None:
        """`batch_wait` is the longest wait for a fuller batch, in seconds, see worker/pipeline/batching.py."""
        self._outcomes = outcomes
        self._serving = serving
        self._most: float = math.inf  # once there was no memory for a larger batch
        self._service_times = service_times
        self._telemetry = telemetry
        self._outages = outages
        self._clock = clock

        def batching() -> Batching[Prepared]:
            return Batching(
                ready,
                since=lambda photo: photo.ready_at,
                deadline=lambda photo: photo.deadline,
                expected=service_times.expected,
                wait=batch_wait,
                clock=clock,
            )

        self.steps: list[Step] = [
            partial(self._step, number, batching()) for number in range(len(serving.replicas))
        ]

    def _step(self, number: int, batching: Batching[Prepared]) -> None:
        """Score what is ready; raises ShutDown once the helpers have ended and `ready` is empty."""
        batch, closed = batching.take(self._largest(self._serving.replicas[number]), IDLE)
        if batch:
            self._telemetry.batch(len(batch), closed)
            self._score(self._serving.replicas[number], batch)

    def _score(self, replica: Replica, batch: Sequence[Prepared]) -> None:
        """Run the models; a batch they refuse is halved, so that one photo fails alone."""
        parts = [batch]
        while parts:
            part = parts.pop()
            refused = len(part) > self._largest(replica) or not self._score_part(replica, part)
            if refused:
                middle = len(part) // 2
                parts += [part[middle:], part[:middle]]

    def _score_part(self, replica: Replica, batch: Sequence[Prepared]) -> bool:
        """Run the models once; whether every photo has its outcome."""
        begun = self._clock()
        try:
            outputs = self._predict(replica, batch)
        except ModelError as error:
            if isinstance(error, BatchTooLargeError):
                self._take_less_than(len(batch))
            if len(batch) == 1:
                self._outcomes.put(self._failed(batch[0], error))
                return True
            self._telemetry.warn("batch_refused", size=len(batch), reason=str(error))
            return False
        done = self._clock()
        self._outages.worked(Part.MODEL)
        self._service_times.note(len(batch), done - begun)
        self._outcomes.put_all(
            [self._outcome(photo, (replica, outputs, n), begun, done) for n, photo in enumerate(batch)]
        )
        return True

    def _take_less_than(self, size: int) -> None:
        """Never again a batch as large as one for which there was no memory."""
        smaller = max(1, size // 2)
        if smaller < self._most:
            self._most = smaller
            self._telemetry.warn("batch_size_lowered", size=smaller)

    def _largest(self, replica: Replica) -> int:
        return int(min(self._most, *(model.largest_batch for model in replica)))

    def _predict(self, replica: Replica, batch: Sequence[Prepared]) -> list[Outputs]:
        """What each model says of each photo; copies go through it once."""
        different, places = _without_copies(batch)
        pixels = np.stack([photo.pixels for photo in different])
        outputs = [model.predict(pixels) for model in replica]
        for model, answer in zip(replica, outputs, strict=True):
            for role, rows in answer.items():
                if len(rows) != len(different):
                    raise ModelError(
                        f"model {model.bundle.name}: {len(rows)} {role} for {len(different)} photos"
                    )
        if len(different) == len(batch):
            return outputs
        return [{role: rows[places] for role, rows in answer.items()} for answer in outputs]

    def _outcome(
        self, photo: Prepared, answer: tuple[Replica, Sequence[Outputs], int], begun: float, done: float
    ) -> Outcome:
        replica, outputs, index = answer
        waited, took = (begun - photo.ready_at) * 1000, (done - begun) * 1000
        try:
            bundles = [model.bundle for model in replica]
            scored = scoring.score(bundles, outputs, index, photo.upload.image_id)
        except ModelError as error:
            return self._failed(photo, error)
        timings = {**photo.timings, "batch_wait": waited, "infer": took}
        return outcome_of(photo.upload, timings, done, scored=scored, image_hash=photo.image_hash)

    def _failed(self, photo: Prepared, error: ModelError) -> Outcome:
        self._outages.failed(Part.MODEL, str(error))
        return outcome_of(photo.upload, photo.timings, self._clock(), error=error)


def _without_copies(batch: Sequence[Prepared]) -> tuple[list[Prepared], list[int]]:
    """The photos with different bytes, and for each of the batch its place among them."""
    different, places, known = list[Prepared](), list[int](), dict[object, int]()
    for photo in batch:
        place = known.setdefault(photo.upload.object.sha256 or id(photo), len(different))
        if place == len(different):
            different.append(photo)
        places.append(place)
    return different, places
