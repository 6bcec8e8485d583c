"""The ASGI application: routes, tokens, request ids, and refusals as problem details."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from worker.door.api import trace
from worker.door.api.headers import describe
from worker.door.api.images import Images
from worker.door.api.names import Names
from worker.door.api.tokens import Tokens
from worker.door.presence import GoneError
from worker.door.problems import Refusal, problem
from worker.telemetry.counters import Telemetry

Handler = Callable[[Request], Awaitable[Response]]

GONE = 499  # nobody hears it; nginx's number for a client that went away
CODES = {404: "not_found", 405: "method_not_allowed"}


def make_app(
    images: Callable[[], Images],
    names: Names,
    tokens: Tokens,
    telemetry: Telemetry,
    *,
    open_routes: Sequence[BaseRoute],
    pages: Mapping[str, Handler],
) -> Starlette:
    """Make the application. `images` raises Refusal before there are any. `open_routes` need no token.

    `pages`: what people look at in a browser, by path.
    """

    def guarded(handle: Handler, *, for_browsers: bool = False) -> Handler:
        async def endpoint(request: Request) -> Response:
            name = _trace(request)
            try:
                tokens.check(request.headers.get("authorization"), for_browsers=for_browsers)
                return _describe(request, await handle(request))
            except Refusal as refusal:
                return refuse(request, refusal)
            except GoneError:
                return Response(status_code=GONE)
            except Exception as error:  # noqa: BLE001 - one request must not end others, and its client hears of it
                telemetry.warn("request_crashed", path=request.url.path, exc_info=error, **name)
                return refuse(request, Refusal("internal_error", "this is a fault of the worker"))

        return endpoint

    def refuse(request: Request, refusal: Refusal) -> Response:
        telemetry.refuse(refusal.code)
        photo = getattr(request.state, "photo", None)
        request_id = _trace(request)["request_id"]
        return _describe(request, problem(refusal, request_id, photo.image_id if photo else None))

    async def put_or_get(request: Request) -> Response:
        """One route for all methods of a path: so a refusal can name them all in `Allow`."""
        return await (images().put(request) if request.method == "PUT" else images().get(request))

    async def unknown_path(request: Request, error: HTTPException) -> Response:
        code = CODES.get(error.status_code, "bad_request")
        return refuse(request, Refusal(code, error.detail, headers=error.headers))

    routes = [
        Route(names.collection, guarded(lambda request: images().post(request)), methods=["POST"]),
        Route(names.one, guarded(put_or_get), methods=["PUT", "GET"]),
        *open_routes,
        *(Route(path, guarded(handle, for_browsers=True)) for path, handle in pages.items()),
    ]
    return Starlette(routes=routes, exception_handlers={HTTPException: unknown_path})  # type: ignore[dict-item] # it takes any Exception


def _trace(request: Request) -> Mapping[str, str]:
    """What names the request, the same each time it is asked for."""
    if not hasattr(request.state, "trace"):
        request.state.trace = trace.read(request.headers)
    return request.state.trace  # type: ignore[no-any-return] # Starlette's state holds anything


def _describe(request: Request, response: Response) -> Response:
    state = request.state
    ledger, receive_ms = getattr(state, "ledger", {}), getattr(state, "receive_ms", 0.0)
    response.headers.update(describe(_trace(request), ledger, receive_ms))
    return response
