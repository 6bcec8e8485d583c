"""GET /, /page/… and /playground/…: the worker's own page, and what the playground adds to it."""

from importlib.resources import files
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from worker.door.page.page import KINDS, SAFE
from worker.door.problems import Refusal

MORE = b"<!-- more -->"  # where the worker's page goes on here
WORKERS = Path(str(files("worker.door.page"))) / "files"
OURS = Path(__file__).parents[1] / "files"


async def index(_: Request) -> Response:
    """Show the worker's page with ours in it. Files are read anew each time: whoever edits them sees it at once."""
    page = (WORKERS / "index.html").read_bytes().replace(MORE, (OURS / "more.html").read_bytes())
    return Response(page, media_type="text/html", headers=SAFE)


async def workers_file(request: Request) -> Response:
    """Give a file of the worker's page. Raises Refusal."""
    return _file(WORKERS, request)


async def our_file(request: Request) -> Response:
    """Give a file of ours. Raises Refusal."""
    return _file(OURS, request)


def _file(folder: Path, request: Request) -> Response:
    """A name is looked up among those that there are: no name leads out of the folder."""
    path = {one.name: one for one in folder.iterdir()}.get(request.path_params["name"])
    if path is None:
        raise Refusal("not_found", "there is no such part of the page")
    return Response(path.read_bytes(), media_type=KINDS.get(path.suffix), headers=SAFE)
