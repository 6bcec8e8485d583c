"""Requests to the door's app without a server, and a pipeline whose outcomes the test decides."""

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from starlette.types import Message

from tests.support.fakes import ManualClock
from tests.support.results import make_result
from tests.support.waiting import PATIENCE
from worker.door.api.app import make_app
from worker.door.api.images import Images
from worker.door.api.names import Names
from worker.door.api.tokens import Tokens
from worker.door.gate import Gate
from worker.door.receiving.admission import Admission
from worker.door.receiving.body import Bodies
from worker.door.waiting.tickets import Tickets
from worker.errors import MessageError, StoreError
from worker.messages import Failed, Outcome, PhotoId, Scored, Scores, Upload
from worker.pipeline.lanes import Lane
from worker.result import Result
from worker.settings.values import UUID_SEGMENT
from worker.telemetry.counters import Telemetry

SCORES = Scores(3, 3.0, None, {}, {"m": "1"})
OWNERS = r"(?P<owner>\w+)/(?P<image_id>[\w-]+)$"


class Asked:
    """One request. Its body comes when the test says so."""

    def __init__(self, door: "DoorRig", method: str, path: str, headers: Mapping[str, str]) -> None:
        path, _, query = path.partition("?")
        self._scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        }
        self._app = door.app
        self._incoming: asyncio.Queue[Message] = asyncio.Queue()
        self._sent = list[Message]()
        self._task = asyncio.create_task(self._run())

    def send(self, data: bytes, more: bool = False) -> None:
        """Let a part of the body arrive, by default the last one."""
        self.receives({"type": "http.request", "body": data, "more_body": more})

    def receives(self, message: Message) -> None:
        """Let the app receive a message of the server."""
        self._incoming.put_nowait(message)

    def hang_up(self) -> None:
        """Close the connection."""
        self.receives({"type": "http.disconnect"})

    async def answer(self) -> "Answer":
        """Wait for the answer."""
        async with asyncio.timeout(PATIENCE):
            await self._task
        start, *parts = self._sent
        headers = {name.decode(): value.decode() for name, value in start["headers"]}
        return Answer(start["status"], headers, b"".join(part.get("body", b"") for part in parts))

    @property
    def is_answered(self) -> bool:
        return self._task.done()

    async def _run(self) -> None:
        async def send(message: Message) -> None:
            self._sent.append(message)

        await self._app(self._scope, self._incoming.get, send)


class Answer:
    """What a request was answered with."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> tuple[int, str]:
        """The status, and the code of a refusal."""
        return self.status, self.json["code"]


class PuppetStore:
    """Finds what the test has put into it. `away`: Redis cannot be reached. `hangs`: it does not answer."""

    def __init__(self) -> None:
        self.results: dict[PhotoId, Result] = {}
        self.away = self.hangs = False
        self.looks = 0
        self.waited: float | None = None  # seconds; None: it was asked to find only

    async def find(self, photo: PhotoId) -> Result | None:
        self.looks += 1
        if self.away:
            raise StoreError("Redis does not answer")
        if self.hangs:
            await asyncio.Event().wait()
        return self.results.get(photo)

    async def wait(self, photo: PhotoId, seconds: float) -> Result | None:
        self.waited = seconds
        return await self.find(photo)


class DoorRig:
    """The door's app around a lane that the test empties."""

    def __init__(
        self,
        *,
        store: PuppetStore | None = None,
        most: int = 2,
        memory: int = 1_000,
        max_bytes: int = 500,
        wait: float = PATIENCE,
        body_timeout: float = PATIENCE,
        pattern: str = UUID_SEGMENT,
        tokens: tuple[str, ...] = (),
    ) -> None:
        self.clock, self.store = ManualClock(), store
        self.gate = Gate(0.0, self.clock)
        self.gate.open()
        self.lane: Lane[Upload | Outcome] = Lane(10)
        self.tickets = Tickets(self.lane, self.clock, lambda: datetime.now(UTC))
        self.admission = Admission(most=most, memory=memory, objective_seconds=1.0, clock=self.clock)
        self.bodies = Bodies(self.admission, max_bytes=max_bytes, timeout=body_timeout, clock=self.clock)
        self.telemetry = Telemetry()
        self.is_store_away = False
        names = Names(pattern)
        self.images = Images(
            gate=self.gate,
            names=names,
            admission=self.admission,
            bodies=self.bodies,
            tickets=self.tickets,
            wait=wait,
            is_store_away=lambda: self.is_store_away,
            models=lambda: {"m": "1"},
            telemetry=self.telemetry,
            clock=self.clock,
            lookup=store,
        )
        self.app = make_app(
            lambda: self.images, names, Tokens(tokens), self.telemetry, open_routes=[], pages={}
        )

    def ask(self, method: str, path: str, data: bytes | None = None, /, **headers: str) -> Asked:
        """Begin a request; with `data` its whole body."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        asked = Asked(self, method, path, named)
        if data is not None:
            asked.send(data)
        return asked

    async def next_upload(self) -> Upload:
        """Wait for the next photo in the lane."""
        async with asyncio.timeout(PATIENCE):
            while not self.lane.qsize():
                await asyncio.sleep(0)
        upload = self.lane.get(block=False)
        assert isinstance(upload, Upload)
        return upload

    def fetch(self, upload: Upload) -> bytes:
        """Take a photo's bytes, as a helper does."""
        return b"".join(self.tickets.fetch(upload, 500, lambda: None).pieces)

    def score(self, upload: Upload, result: Result | None = None) -> None:
        """Let a photo be scored and stored."""
        outcome = Scored(upload, SCORES, None, None, {}, self.clock())
        sha256 = upload.object.sha256
        source: dict[str, Any] = {"bucket": None, "key": None, "etag": sha256, "sha256": sha256}
        made = make_result(upload.photo.image_id, owner=upload.photo.owner or None, via="http", **source)
        self.tickets.answer(outcome, result or made)

    def fail(self, upload: Upload, error: MessageError, result: Result | None = None) -> None:
        """Let a photo fail."""
        self.tickets.answer(Failed(upload, error, {}, self.clock()), result)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left of any request."""
        return (self.tickets.in_flight, self.admission.in_work, self.images.arriving) == (0, 0, 0)
