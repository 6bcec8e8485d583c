"""GET /openapi.json: the door's contract for machines (OpenAPI 3.1), made from the models and the tables."""

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

import worker
from worker.door.api.operations import FIGURES, IMAGES, OPERATIONS, Answer, Operation
from worker.door.problems import CODES, MEDIA_TYPE, PASSING, Problem
from worker.result import Result
from worker.results.redis_keys import NAME

Json = dict[str, Any]

SCHEMAS = "#/components/schemas/"
PHOTO: Json = {
    "image/*": {},
    "application/octet-stream": {},
    "multipart/form-data": {
        "schema": {
            "type": "object",
            "properties": {"photo": {"type": "string", "contentMediaType": "application/octet-stream"}},
            "required": ["photo"],
        }
    },
}
HEADERS = {
    "X-Request-Id": "the id in the request's header of that name, or a new one; the worker's log has it too",
    "Location": "where the photo's result is, or will be",
    "Retry-After": "seconds until another try makes sense",
    "Server-Timing": "the request's `traceparent`, and milliseconds by step; `receive`: sending the photo",
}
RETRIED = {CODES["no_result"].status, *PASSING}  # statuses that may have Retry-After


class Contract:
    """The document of one door, and its route."""

    def __init__(self, has_owners: bool, needs_token: bool, has_figures: bool) -> None:
        """`has_owners`: photos have owners. `needs_token`: so do clients. `has_figures`: there are metrics."""
        paths: dict[str, Json] = {}
        for one in OPERATIONS:
            path = one.path.replace(IMAGES, f"{IMAGES}/{{owner}}") if has_owners else one.path
            if has_figures or path != FIGURES:
                paths.setdefault(path, {})[one.method] = _operation(one, path, needs_token=needs_token)
        self.document: Json = {
            "openapi": "3.1.0",
            "info": {
                "title": "photo-score-worker",
                "version": worker.__version__,
                "description": "Scores food photos. Later versions may add fields: ignore unknown ones.",
                "license": {"name": "MIT", "identifier": "MIT"},
            },
            "paths": paths,
            "components": {
                "schemas": {**_schemas(Result), **_schemas(Problem)},
                "headers": {name: _header(name, text) for name, text in HEADERS.items()},
                "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            },
        }
        self.route = Route("/openapi.json", self._give)

    async def _give(self, _request: Request) -> Response:
        return JSONResponse(self.document)


def _operation(one: Operation, path: str, *, needs_token: bool) -> Json:
    names = [name for name in ("owner", "image_id") if f"{{{name}}}" in path]
    described: Json = {
        "operationId": one.name,
        "summary": one.summary,
        "parameters": [*map(_in_path, names), *one.parameters],
        "responses": {
            **{str(answer.status): _answer(answer) for answer in one.answers},
            **dict(_refusals(one.codes)),
        },
        "security": [{"token": []}] if needs_token and not one.is_open else [],
    }
    if one.takes_photo:
        text = "The photo, raw or as the one file of a form. Its format is found by its content."
        described["requestBody"] = {"required": True, "description": text, "content": PHOTO}
    return described


def _answer(answer: Answer) -> Json:
    schema = {"$ref": f"{SCHEMAS}{answer.model}"} if answer.model else {}
    return {
        "description": answer.text,
        "headers": _headers(["X-Request-Id", *answer.headers]),
        "content": {answer.media_type: {"schema": schema}} if answer.media_type else {},
    }


def _refusals(codes: Iterable[str]) -> Iterable[tuple[str, Json]]:
    """One answer for all codes of a status."""
    for status, group in groupby(sorted(codes, key=_status), _status):
        found = list(group)
        kinds = [{"$ref": f"{SCHEMAS}Problem"}, {"properties": {"code": {"enum": found}}}]
        yield (
            str(status),
            {
                "description": "; ".join(f"`{code}`: {CODES[code].meaning}" for code in found),
                "headers": _headers(["X-Request-Id"] + ["Retry-After"] * (status in RETRIED)),
                "content": {MEDIA_TYPE: {"schema": {"allOf": kinds}}},
            },
        )


def _status(code: str) -> int:
    return CODES[code].status


def _schemas(model: "type[Result | Problem]") -> Mapping[str, Json]:
    """The schemas of a model and its parts, by name."""
    schema = model.model_json_schema(mode="serialization", ref_template=f"{SCHEMAS}{{model}}")
    return {**schema.pop("$defs", {}), model.__name__: schema}


def _headers(names: Iterable[str]) -> Json:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _header(name: str, text: str) -> Json:
    kind = "integer" if name == "Retry-After" else "string"
    return {"description": text, "schema": {"type": kind}}


def _in_path(name: str) -> Json:
    schema = {"type": "string", "pattern": f"^{NAME}$"}
    return {"name": name, "in": "path", "required": True, "schema": schema}
