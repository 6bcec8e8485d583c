"""A worker of the state machine: the real stages, leases and source, stepped by hand."""

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tests.support.fakes import CrampedModel, ImpatientEvent, InlineDecoder, PickyModel, score_bundle
from tests.support.history.events import Event
from tests.support.machine.door import StepwiseDoor
from tests.support.machine.redis import WatchedStore
from tests.support.machine.s3 import BUCKET, Bucket
from tests.support.machine.sqs import VisibilityQueue
from tests.support.stage_rig import make_settings
from worker.assembly import Assembly
from worker.connections import Connections, s3_uploads
from worker.intake.s3_uploads import S3Uploads
from worker.messages import Outputs
from worker.pipeline.queues import ShutDown
from worker.pipeline.waiting_room import WaitingRoom
from worker.telemetry.counters import Telemetry

DISLIKED, FATAL, ENDLESS = 250, 200, 150  # reds of photos
SIZES = {"uploads": 4, "ready": 2, "outcomes": 4}
HELD = 2  # photos that wait for S3; for the model, one before and one of a batch
MAX_BYTES = 10_000
PATTERN = r"^(?P<owner>[a-z]+)/(?P<image_id>[0-9a-f-]{36})"  # of keys


class HangsError(BaseException):
    """Raised in place of a call that never returns."""


class Model(CrampedModel):
    """Dislikes some photos, dies of some, and never ends with some."""

    def __init__(self, name: str, version: str, *, room: int) -> None:
        super().__init__(room)
        self.dislikes, self.dies_of, self.largest_batch = DISLIKED, FATAL, 2
        self.bundle = score_bundle(name, side=4).model_copy(update={"version": version})

    def predict(self, batch: npt.NDArray[np.uint8]) -> Outputs:
        if (batch[:, 0, 0, 0] == ENDLESS).any():
            raise HangsError
        return super().predict(batch)


@dataclass(frozen=True, slots=True)
class Services:
    """What the workers share, and the settings of their times."""

    queue: VisibilityQueue
    bucket: Bucket
    store: WatchedStore
    times: Mapping[str, int]
    history: list[Event]


class StepwiseWorker(Assembly):
    """A step is taken only if it would not wait."""

    source: S3Uploads
    door: StepwiseDoor

    def __init__(self, services: Services, models: Mapping[str, str], *, room: int) -> None:
        """Serve these models, name → version, with memory for `room` photos at a time."""
        queue, clock, telemetry = services.queue, services.queue.clock, Telemetry()
        settings = make_settings(
            upload_queue=SIZES["uploads"],
            outcome_queue=SIZES["outcomes"],
            max_bytes=MAX_BYTES,
            decoders=1,
            image_id_pattern=PATTERN,
            buckets=(BUCKET,),
            result_key="result:{owner}:{image_id}",
            **services.times,
        )
        connections = Connections(queue, queue.timeout, services.bucket, services.store)
        replica: list[PickyModel] = [Model(name, version, room=room) for name, version in models.items()]
        super().__init__(
            settings,
            s3_uploads(settings, connections, telemetry, clock),
            services.store,
            InlineDecoder(replica[0].bundle.manifest.input.target, max_bytes=MAX_BYTES),
            [replica],
            telemetry=telemetry,
            clock=clock,
            stopping=ImpatientEvent(),
            now=clock.now,
            chance=lambda: 0.5,
            linger=0.0,
            door=StepwiseDoor(clock, clock.now, services.history),
        )
        self.commit.settle = self.acknowledge.settle
        self.queue, self.leases, self.models = queue, self.source.leases, replica
        self.outcomes.cancelled = ImpatientEvent()
        self.poll.held = self.prepare.room = WaitingRoom(HELD, self.outages, clock)
        self.infer.room = WaitingRoom(HELD - 1, self.outages, clock)
        self.prepare.room.look = self.infer.room.look = 0.0
        # No waiting: time passes by hand here, and a step that is not taken is no photo that is held.
        self.poll.room_needed = 1
        self.poll.turns.step_seconds, self.poll.turns.patience = 0.0, math.inf
        self.closed = False

    def _ready_places(self) -> int:
        return SIZES["ready"]

    @property
    def unwritten(self) -> int:
        """Results that it would write again."""
        return len(self.commit._unwritten)

    @property
    def reported(self) -> int:
        """Results that it counts as written."""
        counts = self.telemetry.counts
        return sum(counts.get(f"photos_{status}", 0) for status in ("scored", "unrecognised", "failed"))

    def take(self, step: str) -> None:
        """Take a step if it would not wait."""
        free = SIZES["outcomes"] - self.outcomes.qsize()
        if step.startswith("poll") and not self.closed and not self.uploads.full():
            room = SIZES["uploads"] - self.uploads.qsize()
            self.queue.most_records = 1 if step == "poll one" else room
            self.poll.step()
        elif step == "help" and self._can_help(free):
            self.prepare.step()
        elif step == "infer" and 0 < self.ready.qsize() + len(self.infer.room) <= free:
            self.infer.steps[0]()
        elif step == "commit" and (self.outcomes.qsize() or self.unwritten):
            self.commit.step()
        elif step == "acknowledge" and self.acknowledge.outcomes.qsize():
            self.acknowledge.step()
        elif step == "extend":
            self.source.extend_due()

    def _can_help(self, free: int) -> bool:
        """Whether a helper has something to do and room for it; a stop needs room for all that is held."""
        held = len(self.prepare.room)
        if self.stopping.is_set() and held:
            return held < free
        waiting = self.uploads.qsize() or self.door.lane.is_ready or held
        return bool(waiting and free and not self.ready.full())

    def has_given_up(self) -> bool:
        """Whether a part has failed for so long that the process ends."""
        return self.outages.longest()[0] >= self.settings.give_up_after

    def stop(self) -> None:
        """Stop in the middle of a receive: what it brings is given back, and the worker drains from now on."""
        self.queue.meanwhile = self.stopping.set
        self.take("poll")
        self.queue.meanwhile = lambda: None
        self.stopping.set()
        self.source.close()
        self.poll.step()
        self.door.close()
        self.closed = True

    def leave(self, *, survived: bool) -> None:
        """Cancel and release. Commit, in the middle of a step, goes on until it touches a queue."""
        for one in (self.uploads, self.door.lane, self.ready, self.outcomes, self.acknowledge.outcomes):
            one.shutdown(immediate=True)
        self.door.tickets.release_all()
        self.source.release_all(survived=survived)
        for step in (self.commit.step, self.acknowledge.step):
            with suppress(ShutDown):
                step()
