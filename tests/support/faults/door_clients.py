"""Clients of a worker's door: they send photos by HTTP, and note for the history what they are told."""

import hashlib
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from bench.photos import as_upload
from tests.support.doors import DoorClient
from tests.support.faults.fault_rig import FaultRig
from tests.support.faults.recorder import photo_of
from tests.support.history.events import Answered, Broken, Sent
from worker.result import Result

LONGEST = 60.0  # seconds until a client gives up
BROKEN = "broken"  # in place of a code: the connection ended before the answer


@dataclass(frozen=True, slots=True)
class Told:
    """What a client was told."""

    at: float  # monotonic seconds
    name: str  # of the photo
    status: int  # 0 if the connection broke
    code: str  # of a problem
    result: Result | None


class DoorClients:
    """Thread-safe. Any number of clients of a rig's doors."""

    def __init__(self, rig: FaultRig, port: int = 0) -> None:
        """`port`: of the usual door."""
        self.rig, self.port = rig, port
        self.told: list[Told] = []

    def client(self, port: int = 0) -> DoorClient:
        """Make a client with connections of its own."""
        return DoorClient(port or self.port, limits=httpx.Limits(max_connections=1))

    def send(self, photo: bytes, name: str = "", client: DoorClient | None = None, *, port: int = 0) -> Told:
        """Send a photo under an id of its own, or under this name, and wait for the answer."""
        name = name or str(uuid.uuid4())
        photo_id, request, events = photo_of(name), str(uuid.uuid4()), self.rig.recorder.events
        begun = time.monotonic()
        self.rig.by_http.add(name)
        events.append(Sent(begun, photo_id, request, hashlib.sha256(photo).hexdigest()))
        try:
            answer = _put(client, name, photo) if client else self._put_once(name, photo, port)
        except httpx.TransportError:
            events.append(Broken(time.monotonic(), photo_id, request))
            return self._note(Told(time.monotonic(), name, 0, BROKEN, None))
        now, found = time.monotonic(), None
        code = "" if answer.is_success else str(answer.json()["code"])
        if answer.status_code == httpx.codes.OK:
            found = Result.model_validate_json(answer.text)
        events.append(Answered(now, photo_id, request, code, found, begun))
        return self._note(Told(now, name, answer.status_code, code, found))

    @contextmanager
    def at_work(self, number: int, photo: bytes) -> Iterator[None]:
        """Let so many clients send photos without a pause."""
        stop = threading.Event()

        def work() -> None:
            with self.client() as client:
                while not stop.is_set():
                    image_id = str(uuid.uuid4())
                    told = self.send(as_upload(photo, image_id), image_id, client)
                    if told.status != httpx.codes.OK:
                        stop.wait(0.05)  # it is refused: any client would wait

        threads = [threading.Thread(target=work) for _ in range(number)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for thread in threads:
                thread.join(LONGEST)

    def count(self, begun: float = 0.0, ended: float = float("inf")) -> int:
        """How many photos were scored in this time."""
        return sum(begun <= told.at < ended and told.result is not None for told in list(self.told))

    def statuses(self) -> Counter[int]:
        """How often each status was answered."""
        return Counter(told.status for told in list(self.told))

    def lost(self) -> list[str]:
        """Name photos that have no result although a client was told one."""
        results = self.rig.results()
        return [
            f"{told.name}: told and lost" for told in self.told if told.result and told.name not in results
        ]

    def account(self) -> None:
        """Check the history of all photos that came this way; what was answered with a result is stored."""
        complaints = [*self.rig.recorder.complaints(self.rig.by_http, (), LONGEST), *self.lost()]
        assert not complaints, complaints

    def _put_once(self, name: str, photo: bytes, port: int) -> httpx.Response:
        with self.client(port) as client:
            return _put(client, name, photo)

    def _note(self, told: Told) -> Told:
        self.told.append(told)
        return told


def _put(client: DoorClient, name: str, photo: bytes) -> httpx.Response:
    return client.put(f"/images/{name.replace(':', '/')}", content=photo, timeout=LONGEST)
