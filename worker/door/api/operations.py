"""What can be asked of the door, and how it may answer: the table of docs/contract.md and of GET /openapi.json."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from worker.door.problems import CODES

IMAGES = "/images"  # where photos have owners, an owner follows
UNREAD = ("bad_request", "slow_body", "large_head", "no_connection")  # where the request is not even read
ALWAYS = (*UNREAD, "no_image_id", "unauthorized", "internal_error", "starting")
READING = (*ALWAYS, "no_result", "no_store", "store_trouble")
UNASKED = {"not_found", "method_not_allowed", "too_many_viewers"}  # codes of what is no operation
TAKING = tuple(code for code in CODES if code not in {*UNASKED, "no_result", "no_store"})

JSON, TEXT = "application/json", "text/plain"


class Answer(NamedTuple):
    """An answer that is no refusal. `model`: of its body, if that is JSON."""

    status: int
    text: str
    media_type: str = ""
    model: str = ""
    headers: Sequence[str] = ()


class Operation(NamedTuple):
    """A method of a path. `codes`: of its refusals."""

    name: str
    method: str
    path: str
    summary: str
    answers: Sequence[Answer]
    codes: Sequence[str] = UNREAD
    parameters: Sequence[Mapping[str, Any]] = ()
    takes_photo: bool = False

    @property
    def is_open(self) -> bool:
        """Whether it needs no token."""
        return "unauthorized" not in self.codes


SCORED = Answer(200, "the photo's result", JSON, "Result", ("Location", "Server-Timing"))
PROMISED = Answer(202, "not yet; the result will be at `Location`", headers=("Location", "Retry-After"))
FOUND = Answer(200, "the result, also one that says why there is no score", JSON, "Result")
PREFER = {
    "name": "Prefer",
    "in": "header",
    "description": "`respond-async`: do not wait. `wait=3`: wait no longer than three seconds (RFC 7240).",
    "schema": {"type": "string"},
}
WAIT = {
    "name": "wait",
    "in": "query",
    "description": "Seconds to wait for a result that is not there yet.",
    "schema": {"type": "number", "minimum": 0, "default": 0},
}
FIGURES = "/metrics"  # where there are any
ONE = f"{IMAGES}/{{image_id}}"

OPERATIONS = (
    Operation(
        "score", "post", IMAGES, "score a photo", (SCORED, PROMISED), TAKING, [PREFER], takes_photo=True
    ),
    Operation(
        "scoreAs",
        "put",
        ONE,
        "score a photo under an id of yours; once more, find its result",
        (SCORED, PROMISED),
        TAKING,
        [PREFER],
        takes_photo=True,
    ),
    Operation("find", "get", ONE, "find a result, or wait for it", (FOUND,), READING, [WAIT]),
    Operation("live", "get", "/livez", "does the process work?", (Answer(200, "yes", TEXT),)),
    Operation(
        "ready",
        "get",
        "/readyz",
        "should photos be sent here?",
        (Answer(200, "yes", TEXT), Answer(503, "not yet, or no more", TEXT)),
    ),
    Operation("figures", "get", FIGURES, "metrics for Prometheus", (Answer(200, "all of them", TEXT),)),
    Operation("openapi", "get", "/openapi.json", "this, for machines", (Answer(200, "OpenAPI 3.1", JSON),)),
)
