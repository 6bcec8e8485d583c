"""infer: score batches of prepared photos, on one device or on several at a time."""

import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from worker.errors import AbandonedError, BatchTooLargeError, ModelError, Part, StoppingError
from worker.inference import prediction, scoring
from worker.inference.serving import Replica, Serving
from worker.messages import Failed, Outcome, Outputs, Prepared, Scored, Scores
from worker.pipeline.batching import Batching
from worker.pipeline.outages import Outages
from worker.pipeline.queues import BoundedQueue, ShutDown
from worker.pipeline.service_times import ServiceTimes
from worker.pipeline.threads import Step
from worker.pipeline.waiting_room import Held, WaitingRoom
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
    room: WaitingRoom[Prepared]
    stopping: threading.Event
    clock: Callable[[], float]

    def __post_init__(self) -> None:
        self._largest_possible: float = math.inf  # until a larger batch finds no memory
        self.running = [0] * len(self.serving.replicas)  # photos that each replica scores now

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
        if self.stopping.is_set():
            self._return_held()
        if held := self._take_held(self._largest(self.serving.replicas[number])):
            self._score(number, [one.item for one in held], again=all(one.answered for one in held))
            for one in held:
                self.room.end_try(one)
        elif self.room.full:
            self.stopping.wait(self.room.look)
        else:
            self._score_ready(number, batching)

    def _score_ready(self, number: int, batching: Batching[Prepared]) -> None:
        largest = self._largest(self.serving.replicas[number])
        try:
            batch, closed = batching.take(largest, self.room.look if len(self.room) else IDLE)
        except ShutDown:
            self._return_held()
            raise
        wanted = [photo for photo in batch if self._is_wanted(photo)]
        if wanted:
            self.telemetry.batch(len(wanted), closed)
            self._score(number, wanted)

    def _is_wanted(self, photo: Prepared) -> bool:
        """Whether anybody waits for its score. If not, its outcome is known."""
        upload = photo.upload
        if upload.source.wants(upload):
            return True
        self.outcomes.put(Failed(upload, AbandonedError("nobody waits for it"), photo.timings, self.clock()))
        return False

    def _take_held(self, most: int) -> list[Held[Prepared]]:
        """Take photos that wait for the model: one while it is away, all once it has answered."""
        held = list[Held[Prepared]]()
        while len(held) < most and (one := self.room.take()):
            held.append(one)
        return held

    def _return_held(self) -> None:
        """Let other workers have what waits for the model."""
        for photo in self.room.leave():
            error = StoppingError("the model did not answer before the stop")
            self.outcomes.put(Failed(photo.upload, error, photo.timings, self.clock()))

    def _score(self, number: int, batch: Sequence[Prepared], again: bool = False) -> None:
        """Run the models. Halve a batch they refuse, so that one bad photo fails alone.

        `again`: they refused these photos before, and took others since.
        """
        replica = self.serving.replicas[number]  # newer ones may have come while this thread waited
        parts = [batch]
        while parts:
            part = parts.pop()
            self.running[number] = len(part)
            self.outcomes.alive()  # each try may take long
            refused = len(part) > self._largest(replica) or not self._try_to_score(replica, part, again)
            if refused:
                middle = len(part) // 2
                parts += [part[middle:], part[:middle]]
        self.running[number] = 0

    def _try_to_score(self, replica: Replica, batch: Sequence[Prepared], again: bool) -> bool:
        """Run the models once. False when they refuse the batch and it can be halved."""
        begun = self.clock()
        for photo in batch:
            self.telemetry.moved(photo.upload, "infer")
        try:
            outputs = prediction.predict(replica, batch)
        except ModelError as error:
            if isinstance(error, BatchTooLargeError):
                self._take_less_than(len(batch))
            if len(batch) == 1:
                self._refuse(replica, batch[0], error, again)
                return True
            self.telemetry.warn("batch_refused", size=len(batch), reason=str(error))
            return False
        done = self.clock()
        self.service_times.note(len(batch), done - begun)
        self._hand_on(batch, (replica, outputs), again, begun=begun, done=done)
        return True

    def _hand_on(
        self,
        batch: Sequence[Prepared],
        answer: tuple[Replica, Sequence[Outputs]],
        again: bool,
        *,
        begun: float,
        done: float,
    ) -> None:
        """Hand on the photos whose outputs make sense."""
        replica, outputs = answer
        bundles, ids = [model.bundle for model in replica], [photo.upload.photo.image_id for photo in batch]
        scored, refused = list[Outcome](), list[tuple[Prepared, ModelError]]()
        for photo, scores in zip(batch, scoring.score_all(bundles, outputs, ids), strict=True):
            if isinstance(scores, ModelError):
                refused.append((photo, scores))
            else:
                scored.append(_scored(photo, scores, begun, done))
        if scored:
            self.room.note_success(Part.MODEL)
        self.outcomes.put_all(scored)
        for photo, reason in refused:
            self._refuse(replica, photo, reason, again or bool(scored))

    def _refuse(self, replica: Replica, photo: Prepared, error: ModelError, again: bool) -> None:
        """Hold the photo if the models refuse a plain one too. Otherwise the trouble is its own: it is released.

        `again`: the models took others meanwhile.
        """
        upload = photo.upload
        is_away = not again and not self._takes_plain_photo(replica)
        if is_away:
            self.outages.note_failure(Part.MODEL, str(error), upload.object.sha256 or upload.photo)
        else:
            self.room.note_success(Part.MODEL)
        if not is_away or self.stopping.is_set() or not upload.source.is_patient:
            self.outcomes.put(Failed(upload, error, photo.timings, self.clock()))
            return
        self.telemetry.warn("batch_refused", size=1, reason=str(error))
        self.telemetry.moved(upload, "held")
        self.room.put(upload.key, photo, Part.MODEL)

    def _takes_plain_photo(self, replica: Replica) -> bool:
        """Whether the models work: photos that they refuse while they do must not fill the room."""
        self.outcomes.alive()
        return prediction.takes_plain_photo(replica)

    def _take_less_than(self, size: int) -> None:
        """Never again take a batch as large as one that found no memory."""
        smaller = max(1, size // 2)
        if smaller < self._largest_possible:
            self._largest_possible = smaller
            self.telemetry.warn("batch_size_lowered", size=smaller)

    def _largest(self, replica: Replica) -> int:
        return int(min(self._largest_possible, *(model.largest_batch for model in replica)))


def _scored(photo: Prepared, scores: Scores, begun: float, done: float) -> Scored:
    waited, took = (begun - photo.ready_at) * 1000, (done - begun) * 1000
    timings = {**photo.timings, "batch_wait": waited, "infer": took}
    look = photo.image_hash, photo.image_colours
    return Scored(photo.upload, scores, *look, timings, done, photo.decoded)
