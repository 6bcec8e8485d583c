"""The door as the rest of the worker sees it: a source of photos that brings them by itself."""

import threading
from collections.abc import Callable, Mapping
from datetime import datetime

from worker.door.api.app import make_app
from worker.door.api.health import Health
from worker.door.api.images import Images
from worker.door.api.names import Names
from worker.door.api.openapi import Contract
from worker.door.api.tokens import Tokens
from worker.door.gate import Gate
from worker.door.http.server import Server
from worker.door.page.page import Page
from worker.door.page.snapshot import Watched
from worker.door.problems import Refusal
from worker.door.receiving.admission import Admission
from worker.door.receiving.body import Bodies
from worker.door.waiting.readers import Readers
from worker.door.waiting.tickets import Storage, Tickets
from worker.errors import Part
from worker.messages import Outcome, Upload
from worker.pipeline.lanes import Lane
from worker.pipeline.outages import Outages
from worker.settings import Settings
from worker.settings.consistency import MB, PLACES_PER_CONNECTION, SETTLING
from worker.telemetry.counters import Telemetry

MOST = 100_000  # photos in the lane; admission refuses long before
LOOK = 0.1  # seconds between two looks whether a stop may go on
IDLE = 1.0  # seconds that a step waits
SILENT = 1.0  # seconds without a sign of life of the server's loop
ENDING = 0.8  # seconds for the last answers to be sent


class Door:
    """Listens from the start, opens when the models are warm, and lingers at a stop. Thread-safe."""

    def __init__(
        self,
        settings: Settings,
        telemetry: Telemetry,
        clock: Callable[[], float],
        now: Callable[[], datetime],
    ) -> None:
        """Raise ConfigurationError for settings that do not fit."""
        self.lane: Lane[Upload | Outcome] = Lane(settings.door_most or MOST, settings.door_share)
        self.gate = Gate(settings.door_linger, clock)
        self.names = Names(settings.image_id_pattern, settings.door_bucket, settings.door_prefix)
        self.admission = Admission(
            most=settings.door_most,
            memory=settings.door_memory * MB,
            objective_seconds=settings.objective / 1000,
            clock=clock,
            ceiling=settings.door_connections * PLACES_PER_CONNECTION,
        )
        self.bodies = Bodies(
            self.admission, max_bytes=settings.max_bytes, timeout=settings.door_body_timeout, clock=clock
        )
        self.tickets = Tickets(self.lane, clock, now, lambda upload: telemetry.moved(upload, "arrived"))
        self._settings = settings
        self._telemetry = telemetry
        self._clock = clock
        self._images: Images | None = None
        self._readers: Readers | None = None
        self._closing = threading.Event()
        self._patient_until = 0.0  # for photos that are still arriving at a stop
        tokens = Tokens([token.get_secret_value() for token in settings.door_tokens])
        health = Health(self.gate, telemetry, clock)
        contract = Contract(self.names.owners, bool(settings.door_tokens), health.has_figures)
        open_routes = [*health.routes, contract.route]
        self._page = self._make_page() if settings.door_page != "off" else None
        pages = self._page.handlers if self._page else {}
        self.app = make_app(self._opened, self.names, tokens, telemetry, open_routes=open_routes, pages=pages)
        self._server = Server(self.app, settings, telemetry, clock)

    def listen(self) -> None:
        """Answer from now on, if only that the worker is starting. Raises ConfigurationError."""
        self._server.start()

    def open(
        self,
        *,
        readers: Readers | None,
        storage: Storage | None,
        models: Callable[[], Mapping[str, str]],
        rate: float,
        outages: Outages,
        pipeline: Watched,
        leases: Callable[[], int],
    ) -> None:
        """Take photos: the models are warm. `rate`: photos a second that they take.

        `pipeline` and `leases`, the messages in work: what a page may show.
        `readers`: None without Redis. `storage`: None if photos are stored nowhere.
        """
        self.admission.expect(rate)
        if self._page:
            self._page.snapshots.pipeline, self._page.snapshots.leases = pipeline, leases
        self._readers = readers
        self.tickets.storage = storage
        self._images = Images(
            gate=self.gate,
            names=self.names,
            admission=self.admission,
            bodies=self.bodies,
            tickets=self.tickets,
            wait=self._settings.door_wait,
            is_store_away=lambda: outages.ongoing(Part.STORE),
            models=models,
            telemetry=self._telemetry,
            clock=self._clock,
            lookup=readers,
        )
        self.gate.open()

    # What the pipeline's thread does.

    def step(self) -> None:
        """Wait a moment. Once closed, wait until the last photo that was let in has arrived, or is too late.

        While the server's loop hangs, this thread gives no sign of life either: the main thread sees it.
        Raises what has ended the server.
        """
        self._closing.wait(IDLE)
        while self._server.age() > SILENT and self._pause():
            pass
        if not self._closing.is_set():
            return
        while self.gate.accepts and self._pause():
            self.lane.alive()
        self._end_readers()
        self._server.close_idle()
        while self._arriving and self._clock() < self._patient_until and self._pause():
            self.lane.alive()
        self.bodies.cut()

    def _pause(self) -> bool:
        """Wait a little. False once the pipeline was cancelled."""
        return not self.lane.cancelled.wait(LOOK)

    @property
    def begun(self) -> int:
        """Number of photos that are in work."""
        return self.tickets.begun

    # What the main thread does.

    @property
    def in_flight(self) -> int:
        """Number of photos without an answer."""
        return self.tickets.in_flight

    def gauges(self) -> dict[str, int]:
        """How much is held of what is bounded, by the name of its metric."""
        return {"door_in_work": self.admission.in_work, "door_bytes_held": self.admission.bytes_held}

    def extend_due(self) -> None:
        """There are no leases."""

    def close(self) -> None:
        """Begin to stop: not ready from now on, closed after the linger."""
        if not self._closing.is_set():
            settings = self._settings
            # Who has arrived by then can still be scored: the settings leave the linger that much at least.
            self._patient_until = self._clock() + settings.drain_deadline - SETTLING - settings.door_wait
            self.gate.close()
            self._closing.set()

    def wait_for_receives(self, timeout: float) -> bool:  # noqa: ARG002 - nothing to wait for
        """Nothing that is given up here comes back."""
        return True

    def release_all(self, survived: bool = False) -> int:  # noqa: ARG002 - clients send again what they like
        """Refuse all that has no answer yet; returns how many there were."""
        return self.tickets.release_all()

    def end(self) -> None:
        """Send the last answers, and listen no more."""
        self.close()
        self._end_readers()
        self._server.stop(ENDING)

    def _end_readers(self) -> None:
        """Let those go who only wait or watch."""
        if self._readers:
            self._readers.end()
        if self._page:
            self._page.viewers.end()

    def _make_page(self) -> Page:
        return Page(
            self.gate,
            self._telemetry,
            self._clock,
            requests=lambda: self.tickets.in_flight,
            places=lambda: self.admission.places,
            shows_ids=self._settings.door_page == "ids",
        )

    @property
    def _arriving(self) -> int:
        return self._images.arriving if self._images else 0

    def _opened(self) -> Images:
        if self._images is None:
            raise Refusal("starting", "the models are being loaded")
        return self._images
