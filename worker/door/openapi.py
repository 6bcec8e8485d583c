"""GET /openapi.json: the door's contract for machines (OpenAPI 3.1), made from the models and the tables."""

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any

import worker
from worker.door.operations import IMAGES, OPERATIONS, Answer, Operation
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


def document(*, has_owners: bool, needs_token: bool) -> Json:
    """Write the document for a door where photos have owners, or not, and clients tokens, or not."""
    paths: dict[str, Json] = {}
    for one in OPERATIONS:
        path = one.path.replace(IMAGES, f"{IMAGES}/{{owner}}") if has_owners else one.path
        paths.setdefault(path, {})[one.method] = _operation(one, path, needs_token=needs_token)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "photo-score-worker",
            "version": worker.__version__,
            "description": "Scores food photos. Later versions may add fields: ignore those you do not know.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "paths": paths,
        "components": {
            "schemas": {**_schemas(Result), **_schemas(Problem)},
            "headers": {name: _header(name, text) for name, text in HEADERS.items()},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(one: Operation, path: str, *, needs_token: bool) -> Json:
    is_guarded = bool(one.codes)
    names = [name for name in ("owner", "image_id") if f"{{{name}}}" in path]
    described: Json = {
        "operationId": one.name,
        "summary": one.summary,
        "parameters": [*map(_in_path, names), *one.parameters],
        "responses": {
            **{str(answer.status): _answer(answer, is_guarded) for answer in one.answers},
            **dict(_refusals(one.codes)),
        },
        "security": [{"token": []}] if is_guarded and needs_token else [],
    }
    if one.takes_photo:
        text = "The photo, raw or as the one file of a form. Its format is found by its content."
        described["requestBody"] = {"required": True, "description": text, "content": PHOTO}
    return described


def _answer(answer: Answer, is_guarded: bool) -> Json:
    schema = {"$ref": f"{SCHEMAS}{answer.model}"} if answer.model else {}
    return {
        "description": answer.text,
        "headers": _headers(["X-Request-Id"] * is_guarded + [*answer.headers]),
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
    return {"description": text, "required": name == "X-Request-Id", "schema": {"type": kind}}


def _in_path(name: str) -> Json:
    schema = {"type": "string", "pattern": f"^{NAME}$"}
    return {"name": name, "in": "path", "required": True, "schema": schema}
