"""commit: write results to the store; once it confirms, answer, and let each source settle its messages.

While the store does not confirm, the stage keeps the results and tries again. The queues behind it
fill up, polling stops, and nothing is lost. A result that the store refuses by itself is set aside:
its message is released, and the others go on. In its own thread, `acknowledge` settles: a slow queue
does not keep results waiting.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Literal, TypeGuard

from worker.errors import (
    MessageError,
    OvertakenError,
    Part,
    PhotoError,
    ResultRefusedError,
    StoreError,
    Verdict,
)
from worker.messages import Answer, Failed, Outcome, Scored, Scores, Source, Written
from worker.pipeline.batching import take_batch
from worker.pipeline.outages import Outages
from worker.pipeline.queues import BoundedQueue, ShutDown
from worker.result import Fault, Result, SourceObject, timestamp
from worker.results.store import ResultStore
from worker.telemetry.counters import Telemetry
from worker.telemetry.reports import Reports

IDLE = 1.0  # seconds a step waits for its first outcome
LINGER = 0.05  # seconds a settled message may wait for others, so that they are deleted together
SETTLED_TOGETHER = 10  # messages in one of SQS's calls
LARGEST = 64  # outcomes written together
LONGEST_PAUSE = 2.0  # seconds between two tries to write; the store's return must be noticed soon

UNDONE = (Answer.OVERTAKEN, Answer.REFUSED)

Writable = Scored | Failed
Settle = Callable[[Source, list[Outcome]], None]


@dataclass(kw_only=True, eq=False)
class Commit:
    """Each step writes and settles the outcomes that are there. No delete before a confirmed write."""

    outcomes: BoundedQueue[Outcome]
    store: ResultStore
    models: Callable[[], Mapping[str, str]]  # serving now, name → version
    telemetry: Telemetry
    outages: Outages
    clock: Callable[[], float]
    now: Callable[[], datetime]
    objective_seconds: float  # target time from upload to score
    linger: float = LINGER
    settle: Settle = lambda source, outcomes: source.settle(outcomes)

    def __post_init__(self) -> None:
        self._reports = Reports(self.telemetry)
        self._unwritten: list[Writable] = []
        self._done: list[Outcome] = []  # written, or nothing to write; not yet acknowledged

    def step(self) -> None:
        """Write, then settle. Raises ShutDown once the queue is closed and empty, or cancelled."""
        if self._unwritten:
            pause = self.outages.pause(Part.STORE, most=LONGEST_PAUSE)
            if self.outcomes.cancelled.wait(pause):
                raise ShutDown
        else:
            self._sort(self._take())
        if self._unwritten:
            self._write()
        at_once = self._unwritten or not self.linger  # a store that is away may stay away for long
        self._acknowledge(None if at_once else len(self._done) // SETTLED_TOGETHER * SETTLED_TOGETHER)

    def _take(self) -> list[Outcome]:
        """Take the outcomes that are there. When none come, stop waiting for a full delete call."""
        try:
            outcomes = take_batch(self.outcomes, LARGEST, idle=self.linger if self._done else IDLE)
        except ShutDown:
            self._acknowledge()
            raise
        if not outcomes:
            self._acknowledge()
        return outcomes

    def _sort(self, outcomes: list[Outcome]) -> None:
        to_settle: list[Outcome] = []
        for outcome in outcomes:
            if _is_writable(outcome):
                self.telemetry.moved(outcome.upload, "commit")
                self._unwritten.append(outcome)
            else:
                outcome.source.answer(outcome, None)
                waits = outcome.source.is_patient and outcome.verdict is Verdict.ACKNOWLEDGE
                (self._done if waits else to_settle).append(outcome)
        self._settle(to_settle)

    def _acknowledge(self, most: int | None = None) -> None:
        """Have finished messages deleted: all, or the `most` oldest."""
        done, self._done = self._done[:most], self._done[most:] if most is not None else []
        self._settle(done)

    def _write(self) -> None:
        """Store all results, and count them as done once the store confirms."""
        outcomes = self._unwritten
        results = [self._result(outcome) for outcome in outcomes]
        self.outcomes.alive()  # a write may take long, and so may what came before and comes after it
        try:
            uploads = [outcome.upload for outcome in outcomes]
            answers = self.store.write(
                results, [upload.seen for upload in uploads], [upload.begun_at for upload in uploads]
            )
        except StoreError as error:
            self.telemetry.warn("write_failed", reason=str(error), photos=len(outcomes))
            return
        self._unwritten = []
        told = list(zip(outcomes, results, answers, strict=True))
        for outcome, result, written in told:
            is_undone = written.answer in UNDONE
            self._finish(_undone(outcome, written) if is_undone else outcome, _stored(result, written))
        for outcome, result, written in told:  # after the answers: nobody waits for log lines
            if written.answer not in UNDONE:
                self._reports.tell_written(outcome, result, written, self.objective_seconds)

    def _finish(self, outcome: Outcome, stored: Result | None) -> None:
        """Answer whoever waits. A message waits for others, so that they are deleted together."""
        outcome.source.answer(outcome, stored)
        if outcome.source.is_patient:
            self._done.append(outcome)
        else:
            self._settle([outcome])

    def _settle(self, outcomes: list[Outcome]) -> None:
        for outcome in outcomes:
            if isinstance(outcome, Failed) and not isinstance(outcome.error, PhotoError):
                self._reports.tell_undone(outcome)
        by_source = sorted(outcomes, key=lambda outcome: id(outcome.source))
        for _, group in groupby(by_source, key=lambda outcome: id(outcome.source)):
            same_source = list(group)
            for start in range(0, len(same_source), SETTLED_TOGETHER):
                self.outcomes.alive()  # each call may take long
                self.settle(same_source[0].source, same_source[start : start + SETTLED_TOGETHER])

    def _result(self, outcome: Writable) -> Result:
        commit = max(0.0, (self.clock() - outcome.at) * 1000)
        photo = outcome.upload.photo
        scores = (
            outcome.scores if isinstance(outcome, Scored) else Scores(None, None, None, {}, self.models())
        )
        return Result(
            image_id=photo.image_id,
            owner=photo.owner or None,
            status=_status(outcome),
            score=scores.score,
            score_mean=scores.score_mean,
            inference=scores.inference,
            tip=scores.tip,
            image_hash=outcome.image_hash if isinstance(outcome, Scored) else None,
            image_colours=outcome.image_colours if isinstance(outcome, Scored) else None,
            decoded=outcome.decoded if isinstance(outcome, Scored) else None,
            reused_from=scores.reused_from,
            source=SourceObject.model_validate(outcome.upload.object),
            models=dict(scores.models),
            timings_ms=_add_up({**outcome.timings, "commit": commit}),
            error=_fault(outcome),
            scored_at=timestamp(self.now()),
        )


def _add_up(timings: Mapping[str, float]) -> dict[str, float]:
    """Round each step, and then add a total: so readers who add up what they see find that total."""
    steps = {step: round(ms, 2) for step, ms in timings.items()}
    return {**steps, "total": round(sum(steps.values()), 2)}


def _is_writable(outcome: Outcome) -> TypeGuard[Writable]:
    """Whether there is a result to write: scores, or a fault of the photo itself."""
    return isinstance(outcome, Scored) or (
        isinstance(outcome, Failed) and isinstance(outcome.error, PhotoError)
    )


def _stored(result: Result, written: Written) -> Result | None:
    """What the store has of this photo now."""
    if written.answer is Answer.FORGOTTEN or written.answer in UNDONE:
        return None
    if written.stored or not written.duplicate_of:
        return written.stored or result
    return result.model_copy(update={"duplicate_of": written.duplicate_of})


def _undone(outcome: Writable, written: Written) -> Failed:
    error: MessageError = ResultRefusedError(written.reason)
    if written.answer is Answer.OVERTAKEN:
        error = OvertakenError("other content was stored meanwhile")
    return Failed(outcome.upload, error, outcome.timings, outcome.at)


def _fault(outcome: Writable) -> Fault | None:
    return Fault(code=outcome.error.code, message=str(outcome.error)) if isinstance(outcome, Failed) else None


def _status(outcome: Writable) -> Literal["scored", "unrecognised", "failed"]:
    if isinstance(outcome, Failed):
        return "failed"
    return "unrecognised" if outcome.scores.score is None else "scored"
