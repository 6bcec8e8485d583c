"""A page, and the app that shows it."""

from starlette.applications import Starlette

from tests.support.fakes import ManualClock
from worker.door.api.app import make_app
from worker.door.api.images import Images
from worker.door.api.names import Names
from worker.door.api.tokens import Tokens
from worker.door.gate import Gate
from worker.door.page.page import Page
from worker.door.problems import Refusal
from worker.settings.values import UUID_SEGMENT
from worker.telemetry.counters import Telemetry


def page(*, shows_ids: bool = False) -> Page:
    clock = ManualClock()
    return Page(
        Gate(0.0, clock), Telemetry(), clock, requests=lambda: 0, places=lambda: 8, shows_ids=shows_ids
    )


def app(tokens: tuple[str, ...] = (), shown: Page | None = None) -> Starlette:
    def starting() -> Images:
        raise Refusal("starting", "the models are being loaded")

    names, pages = Names(UUID_SEGMENT, "", ""), (shown or page()).handlers
    return make_app(starting, names, Tokens(tokens), Telemetry(), open_routes=[], pages=pages)
