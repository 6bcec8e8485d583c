"""What can be asked of the playground: its routes, and refusals in one sentence."""

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from localstack.playground.faults import BusyError
from localstack.playground.photos.photo import WAYS, Photo, Way
from localstack.playground.playground import Playground
from localstack.playground.web import page
from localstack.playground.web.guard import refuse
from worker.door.page.page import SAFE
from worker.door.presence import GoneError
from worker.door.problems import STATUS, Refusal
from worker.errors import QueueError

GONE = 499  # nobody hears it
MOST_BURST = 500  # photos
ALL = "all"  # samples
Handler = Callable[[Request], Awaitable[Response]]


def make_app(playground: Playground) -> Starlette:
    """Make the application."""
    asked = Asked(playground)
    routes = [
        _route("/", page.index),
        _route("/page/{name}", page.workers_file),
        _route("/playground/{name}", page.our_file),
        _route("/events", asked.events),
        _route("/photos", asked.photo, "POST"),
        _route("/samples", asked.samples),
        _route("/samples/{name}", asked.sample, "POST"),
        _route("/burst", asked.burst, "POST"),
        _route("/thumbnails/{image_id}", asked.thumbnail),
        _route("/faults", asked.faults),
        _route("/faults/{name}", asked.fault, "POST"),
        _route("/dead-letters", asked.dead_letters),
        _route("/dead-letters/redrive", asked.redrive, "POST"),
    ]
    handlers: Any = {HTTPException: _no_such_path, Exception: _our_fault}
    return Starlette(routes=routes, exception_handlers=handlers)


class Asked:
    """Answers requests. All methods raise Refusal."""

    def __init__(self, playground: Playground) -> None:
        self._playground = playground

    async def events(self, request: Request) -> Any:
        """GET /events. HEAD asks whether there is a place."""
        stream = self._playground.stream
        if stream.is_full:
            raise Refusal("too_many_requests", "there are as many viewers as there may be")
        return Response(headers=SAFE) if request.method == "HEAD" else stream.answer

    async def photo(self, request: Request) -> Response:
        """POST /photos: the body is a photo."""
        way, sending = _way(request), self._playground.sending
        name = request.query_params.get("name", "photo")
        return _sent(await sending.receive(request, way, name))

    async def samples(self, _: Request) -> Response:
        """GET /samples."""
        return JSONResponse(self._playground.samples(), headers=SAFE)

    async def sample(self, request: Request) -> Response:
        """POST /samples/{name}: one of the samples, or all of them."""
        way, sending, name = _way(request), self._playground.sending, request.path_params["name"]
        if name == ALL:
            return _taken({"sent": sending.send_samples(way)})
        return _sent(sending.send_sample(name, way))

    async def burst(self, request: Request) -> Response:
        """POST /burst: many photos at once."""
        ways = WAYS if request.query_params.get("way") == "mixed" else (_way(request),)
        text = request.query_params.get("n", "")
        number = int(text) if text.isascii() and text.isdecimal() and len(text) < 4 else 0
        if not 1 <= number <= MOST_BURST:
            raise Refusal("bad_request", f"a burst has 1 to {MOST_BURST} photos")
        self._playground.sending.burst(number, ways)
        return _taken({"sent": number})

    async def thumbnail(self, request: Request) -> Response:
        """GET /thumbnails/{image_id}."""
        made = await self._playground.thumbnail(request.path_params["image_id"])
        if made is None:
            raise Refusal("not_found", "no picture can be made of this photo")
        return Response(made, media_type="image/jpeg", headers=SAFE)

    async def faults(self, _: Request) -> Response:
        """GET /faults."""
        return JSONResponse(self._playground.faults.describe(), headers=SAFE)

    async def fault(self, request: Request) -> Response:
        """POST /faults/{name}."""
        try:
            self._playground.begin_fault(request.path_params["name"])
        except KeyError:
            raise Refusal("not_found", "there is no such fault") from None
        except BusyError as error:
            return refuse(409, str(error))
        return _taken({})

    async def dead_letters(self, _: Request) -> Response:
        """GET /dead-letters."""
        return JSONResponse(self._playground.backstage.letters.describe(), headers=SAFE)

    async def redrive(self, _: Request) -> Response:
        """POST /dead-letters/redrive."""
        try:
            return _taken({"redriven": await self._playground.backstage.letters.redrive()})
        except QueueError as error:
            raise Refusal("storage_trouble", str(error)) from error


def _route(path: str, handle: Handler, method: str = "GET") -> Route:
    async def endpoint(request: Request) -> Response:
        try:
            return await handle(request)
        except Refusal as refusal:
            return refuse(STATUS.get(refusal.code, 500), str(refusal), refusal.headers)
        except GoneError:
            return Response(status_code=GONE)

    return Route(path, endpoint, methods=[method])


async def _no_such_path(_: Request, error: HTTPException) -> Response:
    return refuse(error.status_code, error.detail, error.headers)


async def _our_fault(_: Request, __: Exception) -> Response:
    return refuse(500, "this is a fault of the playground; the terminal says more")


def _way(request: Request) -> Way:
    way = request.query_params.get("way", "queue")
    found = next((one for one in WAYS if one == way), None)
    if found is None:
        raise Refusal("bad_request", f"a way is one of {', '.join(WAYS)}")
    return found


def _sent(photo: Photo) -> Response:
    return _taken({"id": photo.image_id, "number": photo.number})


def _taken(fields: dict[str, Any]) -> Response:
    return JSONResponse(fields, 202, SAFE)
