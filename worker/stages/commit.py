"""commit: write results to the store and, once it has confirmed, let each source settle its messages.

While the store does not confirm, the results are held and written again and again: the queues behind fill up, polling
stops, and nothing is thrown away.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from typing import Literal, Protocol

from worker.errors import (
    MessageError,
    OvertakenError,
    PhotoError,
    StoppingError,
    StoreError,
    Verdict,
)
from worker.messages import Outcome, Upload, Written
from worker.pipeline.batching import take_batch
from worker.pipeline.outages import Outages, Part
from worker.pipeline.queues import BoundedQueue, ShutDown
from worker.result import Fault, Result, SourceObject, timestamp
from worker.telemetry.counters import Telemetry

IDLE = 1.0  # seconds a step waits for its first outcome
FULL = 10  # messages that SQS deletes in one call
LARGEST = 64  # outcomes written together
PAUSE_MOST = 2.0  # seconds between two tries to write: the store's return is to be noticed soon


class Store(Protocol):
    """Where results go."""

    def write(self, results: Sequence[Result], seen: Sequence[str]) -> list[Written]:
        """Write and publish each result, and note the photo: what was said of each. Raises StoreError.

        `written`, with the photo it duplicates; `known` where one as good is there; `overtaken` where it would replace
        content that is not what was `seen` at the look-up, and may be newer.
        """
        ...


class Commit:
    """Each step settles the outcomes that are there. Never a delete before the store has confirmed the write."""

    def __init__(
        self,
        *,
        outcomes: BoundedQueue[Outcome],
        store: Store,
        models: Callable[[], Mapping[str, str]],
        telemetry: Telemetry,
        outages: Outages,
        clock: Callable[[], float],
        now: Callable[[], datetime],
        objective: float,
        linger: float = 0.05,
    ) -> None:
        """`models` tells those that serve now, name → version.

        `objective` is in how many milliseconds from its upload on a photo is to be scored.

        `linger` is how many seconds a message that is done with may wait for others to be deleted with.
        """
        self._outcomes = outcomes
        self._store = store
        self._models = models
        self._telemetry = telemetry
        self._outages = outages
        self._unwritten: list[Outcome] = []
        self._done: list[Outcome] = []  # written, or nothing to write; to be acknowledged
        self._linger = linger
        self._objective = objective
        self._clock = clock
        self._now = now

    def step(self) -> None:
        """Write, then settle; raises ShutDown once the queue is closed and empty, or cancelled."""
        if self._unwritten:
            pause = self._outages.pause(Part.STORE, most=PAUSE_MOST)
            if self._outcomes.cancelled.wait(pause):
                raise ShutDown
        else:
            self._sort(self._take())
        if self._unwritten and self._write(self._unwritten):
            self._done += self._unwritten
            self._unwritten = []
        at_once = self._unwritten or not self._linger  # a store that is away may be so for long
        self._acknowledge(None if at_once else len(self._done) // FULL * FULL)

    def _take(self) -> list[Outcome]:
        """What is there; when nothing more comes, what is done need not wait for company."""
        try:
            outcomes = take_batch(self._outcomes, LARGEST, idle=self._linger if self._done else IDLE)
        except ShutDown:
            self._acknowledge()
            raise
        if not outcomes:
            self._acknowledge()
        return outcomes

    def _sort(self, outcomes: list[Outcome]) -> None:
        self._unwritten = [outcome for outcome in outcomes if _is_final(outcome)]
        others = [outcome for outcome in outcomes if not _is_final(outcome)]
        self._done += [outcome for outcome in others if outcome.verdict is Verdict.ACKNOWLEDGE]
        self._settle([outcome for outcome in others if outcome.verdict is not Verdict.ACKNOWLEDGE])

    def _acknowledge(self, most: int | None = None) -> None:
        """Let messages be deleted: all that are done with, or so many."""
        done, self._done = self._done[:most], self._done[most:] if most is not None else []
        self._settle(done)

    def _write(self, outcomes: list[Outcome]) -> bool:
        """Store all results; whether the store has confirmed them. An overtaken one gets its error."""
        try:
            uploads = [(outcome, outcome.upload) for outcome in outcomes if outcome.upload]
            results = [self._result(*pair) for pair in uploads]
            written = self._store.write(results, [upload.seen for _, upload in uploads])
        except StoreError as error:
            self._outages.failed(Part.STORE, str(error))
            self._telemetry.warn("write_failed", reason=str(error), photos=len(outcomes))
            return False
        self._outages.worked(Part.STORE)
        for index, (outcome, result, one) in enumerate(zip(outcomes, results, written, strict=True)):
            if one.said == "overtaken":
                overtaken = OvertakenError("other content was stored meanwhile; the photo is looked up again")
                outcomes[index] = replace(outcome, scored=None, error=overtaken)
            else:
                self._report(outcome, result, one)
        return True

    def _settle(self, outcomes: list[Outcome]) -> None:
        for outcome in outcomes:
            if outcome.error is not None and not isinstance(outcome.error, PhotoError):
                self._report_undone(outcome, outcome.error)
        by_source = sorted(outcomes, key=lambda outcome: id(outcome.source))
        for _, lot in groupby(by_source, key=lambda outcome: id(outcome.source)):
            mine = list(lot)
            mine[0].source.settle(mine)

    def _result(self, outcome: Outcome, upload: Upload) -> Result:
        scored, error = outcome.scored, outcome.error
        timings = {**outcome.timings, "commit": max(0.0, (self._clock() - outcome.at) * 1000)}
        timings["total"] = sum(timings.values())
        return Result(
            image_id=upload.image_id,
            owner=upload.owner or None,
            status=_status(outcome),
            score=scored.score if scored else None,
            score_mean=scored.score_mean if scored else None,
            inference=scored.inference if scored else {},
            tip=scored.tip if scored else None,
            image_hash=outcome.image_hash,
            reused_from=scored.reused_from if scored else None,
            source=SourceObject(
                bucket=upload.object.bucket,
                key=upload.object.key,
                etag=upload.object.etag,
                version_id=upload.object.version_id,
                sequencer=upload.object.sequencer,
                sha256=upload.object.sha256,
            ),
            models=dict(scored.models if scored else self._models()),
            timings_ms={step: round(ms, 2) for step, ms in timings.items()},
            error=Fault(code=error.code, message=str(error)) if error else None,
            scored_at=timestamp(self._now()),
        )

    def _report(self, outcome: Outcome, result: Result, written: Written) -> None:
        if written.said == "written":
            self._report_duplicate(result, written)
            steps = {step: ms for step, ms in result.timings_ms.items() if step != "total"}
            in_time = result.timings_ms["total"] <= self._objective
            self._telemetry.objective(in_time, max(steps, key=steps.__getitem__))
        self._telemetry.photo(
            result.status if written.said == "written" else "already_scored",
            image_id=result.image_id,
            score=result.score,
            duplicate_of=written.duplicate_of.image_id if written.duplicate_of else None,
            code=result.error.code if result.error else None,
            receive_count=outcome.message.receive_count,
            timings_ms=result.timings_ms,
        )

    def _report_duplicate(self, result: Result, written: Written) -> None:
        if written.duplicate_of:
            self._telemetry.count(f"duplicates_{written.duplicate_of.kind}")
        if result.reused_from:
            self._telemetry.count("scores_reused")

    def _report_undone(self, outcome: Outcome, error: MessageError) -> None:
        if isinstance(error, StoppingError):
            self._telemetry.count("returned")
        elif outcome.upload is not None:
            self._telemetry.warn(
                "released",
                image_id=outcome.upload.image_id,
                code=error.code,
                reason=str(error),
                receive_count=outcome.message.receive_count,
            )


def _is_final(outcome: Outcome) -> bool:
    """Whether there is something to write: a score, or a fault of the photo itself."""
    return outcome.upload is not None and (
        outcome.scored is not None or isinstance(outcome.error, PhotoError)
    )


def _status(outcome: Outcome) -> Literal["scored", "unrecognised", "failed"]:
    if outcome.scored is None:
        return "failed"
    return "unrecognised" if outcome.scored.score is None else "scored"
