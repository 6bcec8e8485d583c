"""What a request is refused with: problem details (RFC 9457), with the codes that results have."""

import secrets
from collections.abc import Mapping
from http import HTTPStatus
from typing import Literal, NamedTuple

from pydantic import BaseModel, Field
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"
SAFE = {  # a browser keeps it not, and shows it as what it is
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}


class Code(NamedTuple):
    """What a code means, and what a client should do."""

    status: int
    meaning: str
    advice: str


AGAIN = "send it again after `Retry-After`"
ANOTHER = "another photo"
REPORT = "report it: the worker's log has the request id"

CODES = {  # one that is not here is a trouble of ours
    "bad_request": Code(400, "the request is not understood; `detail` says why", "mend the request"),
    "no_image_id": Code(400, "no photo can have this image id, or this owner", "use a UUID"),
    "empty_object": Code(400, "the photo has no bytes", ANOTHER),
    "unauthorized": Code(401, "the token is missing or unknown", "send `Authorization: Bearer TOKEN`"),
    "not_found": Code(404, "there is nothing at this path", "mend the path"),
    "no_result": Code(404, "the photo has no result yet, or none any more", "ask again after `Retry-After`"),
    "no_store": Code(404, "this worker keeps no results: it has no Redis", "take the answer to the photo"),
    "method_not_allowed": Code(405, "the path does not take this method", "use one that `Allow` lists"),
    "slow_body": Code(408, "the photo did not arrive in time", "send it again, faster"),
    "overtaken": Code(409, "the image id has a result of other bytes", "a new image id"),
    "forgotten": Code(
        409, "the photo was forgotten while it was in work", "nothing: somebody wants no result"
    ),
    "too_many_bytes": Code(413, "the photo has too many bytes", "a smaller file"),
    "too_many_pixels": Code(413, "the photo has too many pixels", "a smaller picture"),
    "unsupported_format": Code(
        415, "the photo is of no format that is read", "JPEG, PNG, WebP, GIF, AVIF or HEIC"
    ),
    "unreadable_image": Code(422, "the photo is damaged or cut short", ANOTHER),
    "too_costly": Code(422, "decoding the photo takes too much time or memory", ANOTHER),
    "decoder_crashed": Code(422, "decoding the photo ends its process", ANOTHER),
    "too_many_requests": Code(429, "the photo would not be scored in time, or finds no memory", AGAIN),
    "too_many_viewers": Code(429, "as many look at the page as may", "ask again after `Retry-After`"),
    "large_head": Code(431, "the request has too many header fields, or too long ones", "fewer of them"),
    "internal_error": Code(500, "a fault of the worker's own", REPORT),
    "model_trouble": Code(500, "the model failed on this photo", REPORT),
    "model_out_of_memory": Code(500, "the model had no memory for this photo", REPORT),
    "result_refused": Code(500, "Redis refuses this one result", REPORT),
    "starting": Code(503, "the models are being loaded", AGAIN),
    "stopping": Code(503, "the worker is being stopped", f"{AGAIN}, on a new connection"),
    "store_trouble": Code(503, "Redis does not answer", AGAIN),
    "storage_trouble": Code(503, "S3, where the photo was to be stored, does not answer", AGAIN),
    "out_of_memory": Code(503, "there was too little memory to decode the photo", AGAIN),
    "no_connection": Code(503, "all connections of this worker are in use", f"{AGAIN}, on a new connection"),
    "too_late": Code(504, "there was no result in time, and there is no Redis to keep it", AGAIN),
}
STATUS = {code: one.status for code, one in CODES.items()}
RETRY_AFTER = 1  # seconds, where a later try may succeed and nothing tells when
PASSING = {408, 429, 503, 504}  # statuses of what a later try may mend


def meaning(code: str) -> str:
    """What a code means, without a word about this worker."""
    return CODES.get(code, CODES["internal_error"]).meaning


class Refusal(Exception):  # noqa: N818 - most refusals are no error of ours
    """Raised to refuse a request. `retry_after`: seconds until another try makes sense."""

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        retry_after: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail
        self.status = STATUS.get(code, 500)
        if retry_after is None and self.status in PASSING:
            retry_after = RETRY_AFTER
        self.headers = {**(headers or {}), **({"Retry-After": str(retry_after)} if retry_after else {})}
        if code == "stopping":
            self.headers["Connection"] = "close"  # another one may lead to another worker


class Problem(BaseModel):
    """The body of an answer that refuses (RFC 9457)."""

    type: Literal["about:blank"] = "about:blank"  # so the title is the status's own: RFC 9457, 4.2.1
    title: str
    status: int
    code: str = Field(description="what clients should act on; results have the same codes")
    detail: str = Field(description="for people; its words may change")
    image_id: str | None = None
    request_id: str


def problem(refusal: Refusal, request_id: str, image_id: str | None = None) -> Response:
    """Make the answer to a request that is refused."""
    body = Problem(
        title=HTTPStatus(refusal.status).phrase,
        status=refusal.status,
        code=refusal.code,
        detail=refusal.detail,
        image_id=image_id,
        request_id=request_id,
    )
    headers = {**SAFE, **refusal.headers}
    return Response(body.model_dump_json(exclude_none=True), refusal.status, headers, MEDIA_TYPE)


def write(refusal: Refusal) -> bytes:
    """Write the answer to what no app has seen. It is its connection's last."""
    answer = problem(refusal, secrets.token_hex(16))
    fields = [*answer.raw_headers, (b"connection", b"close")]
    lines = [f"HTTP/1.1 {refusal.status} {HTTPStatus(refusal.status).phrase}".encode()]
    lines += [name + b": " + value for name, value in fields]
    return b"\r\n".join([*lines, b"", bytes(answer.body)])
