"""The second way in for the state machine: the real tickets, and requests that remember their answers."""

import hashlib
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from queue import Full

from tests.support.history.events import Answered, Broken, Event, Sent
from worker.door.receiving.admission import Pieces
from worker.door.waiting.tickets import Tickets
from worker.messages import Failed, Outcome, PhotoId, S3Object, Upload
from worker.pipeline.lanes import Lane
from worker.pipeline.queues import ShutDown
from worker.result import Result

PLACES, SHARE = 3, 0.5
MOMENT = 1e-5  # seconds
_NUMBERS = itertools.count(1)


@dataclass(eq=False)
class Request:
    """A photo that was accepted, and what its client was told: once, in the end."""

    name: str
    photo: PhotoId
    ticket: str = ""
    answers: list[tuple[str, Result | None]] = field(default_factory=list)  # code of an error, what is stored


@dataclass(eq=False)
class StepwiseDoor:
    """One worker's door. What happens to its requests is noted in the history."""

    clock: Callable[[], float]
    now: Callable[[], datetime]
    history: list[Event]
    requests: list[Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.lane: Lane[Upload | Outcome] = Lane(PLACES, SHARE)
        # No two requests come at one moment: their times tell two tries of the same photo apart.
        self.tickets = Tickets(self.lane, lambda: self.clock() - next(_NUMBERS) * MOMENT, self.now)

    def step(self) -> None:
        """Requests come by themselves."""

    @property
    def begun(self) -> int:
        return self.tickets.begun

    def send(self, photo: PhotoId, data: bytes) -> Request | None:
        """Send a photo. None if it is refused: there is no place, or the worker has stopped."""
        sha256 = hashlib.sha256(data).hexdigest()
        request = Request(f"request-{next(_NUMBERS)}", photo)

        def reply(outcome: Outcome, result: Result | None) -> None:
            code = outcome.error.code if isinstance(outcome, Failed) else ""
            request.answers.append((code, result))
            self.history.append(Answered(self.clock(), photo, request.name, code, result))

        stored = S3Object("", "", None, sha256, len(data), sha256=sha256, via="http")
        try:
            request.ticket = self.tickets.put(photo, stored, Pieces([data]), {}, reply)
        except (Full, ShutDown):
            return None
        self.requests.append(request)
        self.history.append(Sent(self.clock(), photo, request.name, sha256))
        return request

    def close(self) -> None:
        """Accept nothing any more, as after the linger of a stop."""
        self.lane.shutdown()

    def open_requests(self) -> list[Request]:
        """Requests that have no answer yet."""
        return [request for request in self.requests if not request.answers]

    def break_off(self) -> None:
        """Let the worker be killed: nobody answers any more."""
        for request in self.open_requests():
            self.history.append(Broken(self.clock(), request.photo, request.name))
