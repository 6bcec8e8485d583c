"""The second way in of an interleaved worker: the real tickets and gate, and clients that come and go."""

import itertools
import queue
from dataclasses import dataclass, field

from tests.support.fakes import START
from tests.support.schedule import Schedule
from worker.door.gate import Gate
from worker.door.receiving.admission import Pieces
from worker.door.waiting.tickets import Tickets
from worker.messages import Failed, Outcome, PhotoId, S3Object, Upload
from worker.pipeline.lanes import Lane
from worker.pipeline.queues import ShutDown
from worker.result import Result

PLACES, SHARE, LINGER, LOOK = 4, 0.5, 3.0, 0.5


@dataclass(eq=False, slots=True)
class Request:
    """A photo that was accepted, and what its client was told."""

    image_id: str
    has_left: bool = False
    answers: list[tuple[str, Result | None]] = field(default_factory=list)  # code of an error, what is stored


class InterleavedDoor:
    """Accepts photos until a stop, and for a while after it."""

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule
        self.lane: Lane[Upload | Outcome] = Lane(PLACES, SHARE)
        self.tickets = Tickets(self.lane, schedule.clock, lambda: START)
        self.gate = Gate(schedule.chance.choice([0.0, LINGER]), schedule.clock)
        self.gate.open()
        self.requests: list[Request] = []
        self._numbers = itertools.count()

    def send(self, image_id: str) -> None:
        """Send a photo, and perhaps go away before the answer."""
        draw = self.schedule.chance
        request = Request(image_id)

        def reply(outcome: Outcome, result: Result | None) -> None:
            request.answers.append((outcome.error.code if isinstance(outcome, Failed) else "", result))

        stored = S3Object("", "", None, image_id, 1, sha256=image_id, via="http")
        if not self.gate.accepts:
            return
        try:
            ticket = self.tickets.put(PhotoId(image_id), stored, Pieces([b"x"]), {}, reply)
        except (queue.Full, ShutDown):
            return
        self.requests.append(request)
        if draw.random() < 0.2:
            self.schedule.pause(draw.choice([0.0, 1.0, 5.0]))
            request.has_left = True
            self.tickets.abandon(ticket)

    def broken_promises(self) -> list[str]:
        """Name what is wrong with the answers."""
        broken = [f"{len(one.answers)} answers: {one}" for one in self.requests if len(one.answers) != 1]
        for one in self.requests:
            if not one.has_left and one.answers and one.answers[0][0] == "abandoned":
                broken.append(f"abandoned, although its client waits: {one}")
            if one.answers and one.answers[0][0] == "" and one.answers[0][1] is None:
                broken.append(f"scored, but nothing is stored: {one}")
        return broken

    # what the pipeline and the main thread do

    def step(self) -> None:
        self.schedule.pause(LOOK)
        if self.gate.is_stopping:
            while self.gate.accepts and not self.lane.is_shutdown:
                self.lane.alive()
                self.schedule.pause(LOOK)

    @property
    def in_flight(self) -> int:
        return self.tickets.in_flight

    @property
    def begun(self) -> int:
        return self.tickets.begun

    def extend_due(self) -> None:
        """There are no leases."""

    def close(self) -> None:
        self.gate.close()

    def wait_for_receives(self, timeout: float) -> bool:
        return True

    def release_all(self, survived: bool = False) -> int:
        return self.tickets.release_all()
