"""What a request is refused with: problem details (RFC 9457), with the codes that results have."""

from collections.abc import Mapping
from http import HTTPStatus

from starlette.responses import JSONResponse

MEDIA_TYPE = "application/problem+json"

STATUS = {  # by code; an unknown one is a trouble of ours
    "bad_request": 400,
    "no_image_id": 400,
    "empty_object": 400,
    "unauthorized": 401,
    "not_found": 404,
    "method_not_allowed": 405,
    "slow_body": 408,
    "overtaken": 409,
    "forgotten": 409,
    "too_many_bytes": 413,
    "too_many_pixels": 413,
    "unsupported_format": 415,
    "unreadable_image": 422,
    "too_costly": 422,
    "decoder_crashed": 422,
    "too_many_requests": 429,
    "internal_error": 500,
    "model_trouble": 500,
    "model_out_of_memory": 500,
    "result_refused": 500,
    "starting": 503,
    "stopping": 503,
    "store_trouble": 503,
    "storage_trouble": 503,
    "out_of_memory": 503,
    "too_late": 504,
}
RETRY_AFTER = 1  # seconds, where a later try may succeed and nothing tells when
PASSING = {408, 429, 503, 504}  # statuses of what a later try may mend


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


def problem(refusal: Refusal, request_id: str, image_id: str | None = None) -> JSONResponse:
    """Make the answer to a request that is refused."""
    members = {
        "type": "about:blank",  # so the title is the status's own: RFC 9457, 4.2.1
        "title": HTTPStatus(refusal.status).phrase,
        "status": refusal.status,
        "code": refusal.code,
        "detail": refusal.detail,
        "image_id": image_id,
        "request_id": request_id,
    }
    found = {name: value for name, value in members.items() if value is not None}
    return JSONResponse(found, refusal.status, refusal.headers, MEDIA_TYPE)
