"""The ASGI application: routes, tokens, request ids, and refusals as problem details."""

import uuid
from collections.abc import Awaitable, Callable, Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from worker.door.body import GoneError
from worker.door.images import Images
from worker.door.names import Names
from worker.door.problems import Refusal, problem
from worker.door.tokens import Tokens
from worker.telemetry.counters import Telemetry

Handler = Callable[[Request], Awaitable[Response]]

GONE = 499  # nobody hears it; nginx's number for a client that went away
CODES = {404: "not_found", 405: "method_not_allowed"}


def make_app(
    images: Callable[[], Images],
    names: Names,
    tokens: Tokens,
    telemetry: Telemetry,
    open_routes: Sequence[BaseRoute],
) -> Starlette:
    """Make the application. `images` raises Refusal before there are any. `open_routes` need no token."""

    def guarded(handle: Callable[[Images, Request], Awaitable[Response]]) -> Handler:
        async def endpoint(request: Request) -> Response:
            request.state.trace = {"request_id": request.headers.get("x-request-id") or uuid.uuid4().hex}
            try:
                tokens.check(request.headers.get("authorization"))
                response = await handle(images(), request)
            except Refusal as refusal:
                response = _refuse(request, refusal)
            except GoneError:
                response = Response(status_code=GONE)
            except Exception as error:  # noqa: BLE001 - one request must not end others, and its client hears of it
                telemetry.fail("request_crashed", error, path=request.url.path)
                response = _refuse(request, Refusal("internal_error", "this is a fault of the worker"))
            response.headers["X-Request-Id"] = request.state.trace["request_id"]
            return response

        return endpoint

    routes = [
        *open_routes,
        Route(names.collection, guarded(Images.post), methods=["POST"]),
        Route(names.one, guarded(Images.put), methods=["PUT"]),
    ]
    return Starlette(routes=routes, exception_handlers={HTTPException: _unknown_path})  # type: ignore[dict-item] # it takes any Exception


def _refuse(request: Request, refusal: Refusal) -> Response:
    photo = getattr(request.state, "photo", None)
    return problem(refusal, request.state.trace["request_id"], photo.image_id if photo else None)


async def _unknown_path(_request: Request, error: HTTPException) -> Response:
    refusal = Refusal(CODES.get(error.status_code, "bad_request"), error.detail, headers=error.headers)
    return problem(refusal, uuid.uuid4().hex)
