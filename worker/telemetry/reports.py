"""Reports what became of each photo: in its log line, its figures and its spans."""

from collections.abc import Mapping
from dataclasses import dataclass

from worker.errors import AbandonedError, StoppingError
from worker.messages import Answer, Failed, Scored, Upload, Written
from worker.result import Result
from worker.telemetry.counters import Reported, Telemetry


@dataclass(slots=True)
class Reports:
    """Passes on what the telemetry has to hear of a photo."""

    telemetry: Telemetry

    def tell_written(
        self, outcome: Scored | Failed, result: Result, written: Written, objective_seconds: float
    ) -> None:
        """Report a photo with a result: written, or one as good was stored already.

        `objective_seconds`: target time from upload to score.
        """
        upload, ledger = outcome.upload, _ledger(outcome.upload, result.timings_ms)
        code = result.error.code if result.error else None
        if written.answer is Answer.FORGOTTEN:
            self.telemetry.event("forgotten", image_id=result.image_id, **upload.trace)
            self._trace(outcome, "forgotten", ledger, code)
            return
        status = "already_scored"
        if written.answer is Answer.WRITTEN:
            status = result.status
            self._count_new(result, written, objective_seconds)
        self.telemetry.photo(
            status,
            image_id=result.image_id,
            score=result.score,
            duplicate_of=written.duplicate_of.image_id if written.duplicate_of else None,
            code=code,
            receive_count=outcome.message.receive_count,
            timings_ms=ledger,
            **upload.trace,
        )
        self._trace(outcome, status, ledger, code)

    def tell_undone(self, outcome: Failed) -> None:
        """Report a photo without a result: given back, given up by its client, or in trouble."""
        upload, error = outcome.upload, outcome.error
        image_id = upload.photo.image_id
        if isinstance(error, StoppingError):
            status = "returned"
            self.telemetry.count(status)
        elif isinstance(error, AbandonedError):
            status = "abandoned"
            self.telemetry.event(status, image_id=image_id, **upload.trace)
        else:
            status = "released"
            self.telemetry.warn(
                status,
                image_id=image_id,
                code=error.code,
                reason=str(error),
                receive_count=outcome.message.receive_count,
                **upload.trace,
            )
        self._trace(outcome, status, _ledger(upload, outcome.timings), error.code, is_undone=True)

    def _count_new(self, result: Result, written: Written, objective_seconds: float) -> None:
        if written.duplicate_of:
            self.telemetry.count(f"duplicates_{written.duplicate_of.kind}")
        if result.reused_from:
            self.telemetry.count("scores_reused")
        steps = {step: ms for step, ms in result.timings_ms.items() if step != "total"}
        in_time = result.timings_ms["total"] / 1000 <= objective_seconds
        self.telemetry.objective(in_time, max(steps, key=steps.__getitem__))

    def _trace(
        self,
        outcome: Scored | Failed,
        status: str,
        ledger: Mapping[str, float],
        code: str | None,
        is_undone: bool = False,
    ) -> None:
        """Have spans made of the ledger. All steps but `commit` had ended when the outcome was known."""
        upload, ended = outcome.upload, outcome.at + ledger.get("commit", 0.0) / 1000
        via, trace = upload.object.via, upload.trace
        photo = Reported(
            upload.key, upload.photo.image_id, status, via, code, trace, ledger, ended, is_undone
        )
        self.telemetry.trace(photo)


def _ledger(upload: Upload, timings_ms: Mapping[str, float]) -> Mapping[str, float]:
    """Put what the client took to send the photo in front of the worker's own steps."""
    return {"receive": upload.receive_ms, **timings_ms} if upload.receive_ms else timings_ms
