"""What a request with a photo is answered: by what became of the photo, or by how long that takes. Pure."""

from starlette.responses import Response

from worker.door.problems import Refusal, meaning
from worker.errors import PhotoError
from worker.messages import Failed, Outcome, Scored
from worker.result import Result

LOOK_AFTER = 1  # seconds until a result that was promised is worth a look


def reply(outcome: Outcome, result: Result | None, location: str | None) -> Response:
    """Say what became of a photo. `result`: what is stored. Raises Refusal if that is nothing.

    What a trouble of ours says, such as where S3 and Redis are, is for the log: no client needs it.
    """
    if result is not None:
        return give(result, location)
    if isinstance(outcome, Failed):
        error = outcome.error
        raise Refusal(error.code, str(error) if isinstance(error, PhotoError) else meaning(error.code))
    raise Refusal("forgotten", "somebody wants no result of this photo")


def give(result: Result, location: str | None) -> Response:
    """Give a result. Raises Refusal for one that says why there is no score.

    `location`: where the result can be asked for; None if nowhere.
    """
    if result.error:
        raise Refusal(result.error.code, result.error.message)
    headers = {"Location": location} if location else {}
    return Response(result.model_dump_json(), media_type="application/json", headers=headers)


def promise(location: str) -> Response:
    """Say where the result will be."""
    headers = {"Location": location, "Retry-After": str(LOOK_AFTER)}
    return Response(status_code=202, headers=headers)


def ledger(outcome: Outcome, now: float) -> dict[str, float]:
    """Give the milliseconds by step up to an answer, `now` in monotonic seconds."""
    if not isinstance(outcome, Scored | Failed):
        return {}
    steps = {**outcome.timings, "commit": (now - outcome.at) * 1000}
    return {**steps, "total": sum(steps.values())}
