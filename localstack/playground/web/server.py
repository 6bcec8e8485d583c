"""Serves the playground on this machine alone, from a thread of its own, within the bounds of the worker's door."""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import TimeoutError as LateError
from contextlib import suppress
from typing import Any

from localstack.faults.gateway import Gateway
from localstack.playground.breakers import Breakers
from localstack.playground.photos.door_client import DoorClient
from localstack.playground.photos.letters import Letters
from localstack.playground.photos.queues import SqsQueues
from localstack.playground.photos.results import Results
from localstack.playground.photos.senders import Senders
from localstack.playground.photos.thumbnails import TARGET, Kept, Thumbnails
from localstack.playground.playground import Backstage, Playground
from localstack.playground.web.app import make_app
from localstack.playground.web.guard import Guard
from localstack.playground.workers import Workers
from localstack.services import HOST, Services, ServicesError
from worker.adapters.aws.direct_requests import RequestSender
from worker.adapters.aws.s3 import Photos
from worker.decoders.decoder import Decoder
from worker.door.http.server import Server
from worker.errors import ConfigurationError
from worker.result import Result
from worker.settings import Settings
from worker.settings.capacity import make_decoder
from worker.settings.door import DoorSettings
from worker.telemetry.counters import Telemetry

CONNECTIONS = 64  # of browsers
S3_CONNECTIONS = 20
CLOSING = 2.0  # seconds, at most, for what goes on to end
LAST_ANSWERS = 0.3  # seconds for what is being answered


class PlaygroundServer:
    """All may be called from the main thread, which starts and stops it."""

    def __init__(self, port: int) -> None:
        """`port`: 0 for any that is free."""
        self._playground = Playground()
        self._hosts = dict[str, str]()
        self._settings = DoorSettings(door_port=port, door_connections=CONNECTIONS, door_body_timeout=30)
        app = Guard(make_app(self._playground), self._hosts)
        self._server = Server(app, self._settings, Telemetry(), time.monotonic, HOST)
        self._loop: asyncio.AbstractEventLoop | None = None  # while it runs
        self._decoder: Decoder | None = None

    @property
    def address(self) -> str:
        """Where it is, once it has started."""
        return f"http://{HOST}:{self._server.port}/"

    def start(self) -> None:
        """Listen. Raises ServicesError if the port is taken."""
        try:
            self._server.start()
        except ConfigurationError:
            raise ServicesError(
                f"port {self._settings.door_port} is taken by another program (another `make run`?)"
            ) from None
        self._loop = self._server.loop
        for name in (HOST, "localhost"):
            host = f"{name}:{self._server.port}"
            self._hosts[host] = f"http://{host}"

    def prepare(self, services: Services, gateway: Gateway, workers: Workers) -> None:
        """Know what can be broken, once it is there."""
        sending = self._playground.sending
        breakers = Breakers(services, gateway, workers, sending, sending.samples["croissant.jpg"])
        self._do(self._playground.prepare, breakers)

    def open(self, settings: Settings, door: str) -> None:
        """Let photos be sent: all is up. `door`: the address of the worker's. Raises ConfigurationError."""
        self._decoder = make_decoder(settings, TARGET, Telemetry())
        storage, album = Photos(S3_CONNECTIONS, time.monotonic), self._playground.album
        kept, results = Kept(), Results(settings.redis_url.get_secret_value(), album)
        requests, client = RequestSender(settings.queue_url), DoorClient(door, time.monotonic)
        senders = Senders(album, storage, requests, settings.buckets[0], client, kept)
        queues = SqsQueues(settings, self._decoder, storage)
        letters = Letters(queues, album, results.look_up, time.monotonic)
        thumbnails = Thumbnails(self._decoder, storage, kept)
        self._do(self._playground.open, Backstage(door, senders, results, letters, thumbnails))

    def adopt(self, photos: Sequence[tuple[str, Result]]) -> None:
        """Show photos that others have sent, with their results."""
        self._do(self._playground.adopt, photos)

    def tell(self, state: str, says: str) -> None:
        """Say how the worker is. From any thread."""
        self._do(self._playground.told.tell, state, says)

    def close(self) -> None:
        """Mend what is broken, send the viewers away and stop. May be called again."""
        loop, self._loop = self._loop, None
        if loop:
            with suppress(LateError):
                asyncio.run_coroutine_threadsafe(self._playground.close(), loop).result(CLOSING)
            self._server.stop(LAST_ANSWERS)
        if self._decoder:
            self._decoder.close()
            self._decoder = None

    def _do(self, act: Callable[..., None], *arguments: Any) -> None:
        """Let the loop call something."""
        if self._loop:
            self._loop.call_soon_threadsafe(act, *arguments)
