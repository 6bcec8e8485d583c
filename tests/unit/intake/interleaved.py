"""A worker whose threads take turns as a seed says, on a queue service that judges what it is asked to do.

Poll, commit, the source, its leases and the supervisor are the real ones. Between poll and commit
stands a thread that lets time pass and draws what becomes of each photo.
"""

import threading
from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

from tests.support.fakes import InlineDecoder, MemoryStore, PickyModel
from tests.support.schedule import Schedule
from tests.support.stage_rig import IDS, body, make_settings
from tests.unit.intake.interleaved_door import InterleavedDoor
from tests.unit.intake.judging_queue import CALL, LONG_POLL, TIMEOUT, UNREADABLE, JudgingQueue
from worker.assembly import Assembly
from worker.errors import AbandonedError, EmptyObjectError, MessageError, ModelError, StoppingError
from worker.intake.leases import Leases
from worker.intake.s3_uploads import S3Uploads, back_off
from worker.intake.sources import Sources
from worker.messages import Failed, Scored, Scores, Upload, Written
from worker.pipeline.threads import Pipeline, Stage
from worker.result import Result
from worker.supervision.supervisor import StopFlag, Supervisor, Timeouts, Worker
from worker.telemetry.counters import Telemetry

LONGEST = 20  # seconds of a whole lease
DELAY = 2 * TIMEOUT  # seconds until a released message is visible
SETTINGS = make_settings(upload_queue=6, outcome_queue=4, receivers=2)
TIMEOUTS = Timeouts(drain_deadline=60.0, receive_wait=LONG_POLL, stall_after=120.0, give_up_after=0.0)


class SlowStore(MemoryStore):
    """A store whose writes take time."""

    def __init__(self, schedule: Schedule) -> None:
        super().__init__()
        self.schedule = schedule

    def write(
        self, results: Sequence[Result], seen: Sequence[str], begun: Sequence[datetime | None] = ()
    ) -> list[Written]:
        self.schedule.pause(self.schedule.chance.choice([0.0, CALL]))
        return super().write(results, seen, begun)


class NoState:
    """Writes no state file."""

    def write(self, *_: object) -> None:
        pass

    def remove(self) -> None:
        pass


class InterleavedWorker(Assembly):
    """Runs until it has stopped. Make it inside a schedule, so that all its locks belong to it."""

    source: S3Uploads
    door: InterleavedDoor

    def __init__(self, schedule: Schedule, telemetry: Telemetry) -> None:
        self.schedule, store = schedule, SlowStore(schedule)
        draw = schedule.chance
        self.queue = JudgingQueue(schedule, store, fails=draw.choice([0.0, 0.0, 0.3]))
        source = S3Uploads(
            queue=self.queue,
            photos=cast("Any", None),
            notes=store,
            leases=Leases(TIMEOUT, LONGEST, schedule.clock),
            retry_delay=back_off(DELAY, 4 * DELAY),
            telemetry=telemetry,
            clock=schedule.clock,
        )
        super().__init__(
            SETTINGS,
            source,
            store,
            InlineDecoder(PickyModel().bundle.manifest.input.target),
            [[PickyModel()]],
            telemetry=telemetry,
            clock=schedule.clock,
            stopping=self.queue.stopping,
            chance=draw.random,
            door=InterleavedDoor(schedule),
        )
        self.commit.settle = self.acknowledge.settle
        stages = [
            Stage("poll", self.poll.step, output=self.uploads, more=[self.poll.step_beside], is_source=True),
            Stage("door", self.door.step, output=self.door.lane, is_source=True),
            Stage("work", self._work, output=self.outcomes, more=[self._work] * 2),
            Stage("commit", self.commit.step, output=self.acknowledge.outcomes),
            Stage("acknowledge", self.acknowledge.step),
        ]
        self.stop = StopFlag(schedule.clock)
        worker = Worker(
            pipeline=Pipeline(stages, schedule.clock),
            uploads=Sources([self.door, source]),
            outages=self.outages,
            stopping=self.stopping,
            telemetry=telemetry,
            state=cast("Any", NoState()),
        )
        self._supervisor = Supervisor(worker, self.stop, TIMEOUTS, schedule.clock)

    def run(self) -> int:
        """Send messages and photos now and then, request a stop, and return the exit code."""
        others = [threading.Thread(target=one, name=one.__name__) for one in (self._world, self._clients)]
        for one in others:
            one.start()
        code = self._supervisor.run()
        for one in others:
            one.join()
        return code

    def _world(self) -> None:
        draw = self.schedule.chance
        for number in range(draw.randint(2, 7)):
            records = draw.choice([0, 1, 1, 2])
            self.queue.send(body(*IDS[2 * number : 2 * number + records]) if records else UNREADABLE)
            self.schedule.pause(draw.choice([0.0, 0.0, 3.0]))
        self.schedule.pause(draw.uniform(0.0, 12.0))
        self.queue.stopped_at = self.schedule.now
        self.stop.request()

    def _clients(self) -> None:
        """Send photos by HTTP: some of them come by the queue too."""
        draw = self.schedule.chance
        for number in range(draw.randint(0, 5)):
            self.door.send(IDS[draw.choice([number, 50 + number])])
            self.schedule.pause(draw.choice([0.0, 0.0, 3.0, 6.0]))

    def _work(self) -> None:
        """Take what poll and the door hand on, and what becomes of it as drawn."""
        item = self.lanes.get()
        draw = self.schedule.chance
        self.schedule.pause(draw.choice([0.0, 0.5, 3.5, 4.0, 4.2, 9.0]))
        if self.queue.breaks and draw.random() < 0.3:
            self.queue.has_broken_down = True
            raise RuntimeError("this stage is broken")
        self.outcomes.put(self._outcome(item) if isinstance(item, Upload) else item)

    def _outcome(self, upload: Upload) -> Scored | Failed:
        errors: list[MessageError | None] = [None, ModelError("refused"), EmptyObjectError("empty")]
        if self.stopping.is_set() and upload.source.is_patient:
            errors += [StoppingError("not started")] * 2
        if not upload.source.wants(upload):
            errors = [AbandonedError("nobody waits for it")]
        error, now = self.schedule.chance.choice(errors), self.schedule.now
        if error:
            return Failed(upload, error, {}, at=now)
        return Scored(upload, Scores(3, 3.0, None, {}, {"picky": "1"}), None, None, {}, at=now)
