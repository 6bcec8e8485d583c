"""What a request with a photo is answered: by what became of the photo, or by how long that takes. Pure."""

from starlette.responses import Response

from worker.door.names import Names
from worker.door.problems import Refusal
from worker.messages import Failed, Outcome, PhotoId, Scored
from worker.result import Result

LOOK_AFTER = 1  # seconds until a result that was promised is worth a look


def reply(names: Names, outcome: Outcome, result: Result | None) -> Response:
    """Say what became of a photo. `result`: what is stored. Raises Refusal if that is nothing."""
    if result is not None:
        return give(names, result)
    if isinstance(outcome, Failed):
        raise Refusal(outcome.error.code, str(outcome.error))
    raise Refusal("forgotten", "somebody wants no result of this photo")


def give(names: Names, result: Result) -> Response:
    """Give a result. Raises Refusal for one that says why there is no score."""
    if result.error:
        raise Refusal(result.error.code, result.error.message)
    headers = {"Location": names.location(PhotoId(result.image_id, result.owner or ""))}
    return Response(result.model_dump_json(), media_type="application/json", headers=headers)


def promise(names: Names, photo: PhotoId) -> Response:
    """Say where the result will be."""
    headers = {"Location": names.location(photo), "Retry-After": str(LOOK_AFTER)}
    return Response(status_code=202, headers=headers)


def ledger(outcome: Outcome, now: float) -> dict[str, float]:
    """Give the milliseconds by step up to an answer, `now` in monotonic seconds."""
    if not isinstance(outcome, Scored | Failed):
        return {}
    steps = {**outcome.timings, "commit": (now - outcome.at) * 1000}
    return {**steps, "total": sum(steps.values())}
