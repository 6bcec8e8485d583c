"""The architecture on one screen: three stages, joined by two bounded queues.

poll ──uploads──▶ infer ──outcomes──▶ commit. Each is a thread that repeats its stage's step; infer's
helper threads prepare photos for it, and commit's helper has SQS delete messages. Photos that come by
HTTP have a lane of their own beside poll's.
"""

import random
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, InitVar, dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from worker.connections import utc_now
from worker.decoders.decoder import PhotoDecoder
from worker.inference.serving import Replica, Serving
from worker.intake.quiet import QuietTogether
from worker.intake.turns import Item, Turns
from worker.messages import Outcome, Prepared, Upload
from worker.photos.hashes import Algorithm
from worker.pipeline.lanes import Lane, Lanes
from worker.pipeline.outages import Outages
from worker.pipeline.prefetch import PrefetchWindow
from worker.pipeline.queues import BoundedQueue
from worker.pipeline.service_times import ServiceTimes
from worker.pipeline.threads import Helpers, Pipeline, Stage, Step
from worker.pipeline.waiting_room import WaitingRoom
from worker.results.reuse import ScoreReuse
from worker.results.store import ResultStore
from worker.results.watched import WatchedStore
from worker.settings import Settings
from worker.settings.capacity import decoders, helper_threads
from worker.stages.acknowledge import Acknowledge
from worker.stages.commit import LINGER, Commit
from worker.stages.infer import Infer
from worker.stages.poll import MessageSource, Poll
from worker.stages.prepare import Prepare
from worker.telemetry.counters import Telemetry

MOST_HELD = 500  # photos without bytes that wait for S3; each has a lease to extend


class SecondWay(Protocol):
    """Another source, which brings photos by itself."""

    lane: Lane[Item]

    @property
    def begun(self) -> int:
        """How many of its photos were taken from the lane and are in work."""

    def step(self) -> None:
        """Wait a moment; once it is closed, until it brings no more. Calls the lane's `alive`."""


@dataclass(eq=False)
class Assembly:
    """A worker's stages and what they share, each made once. `pipeline` puts them into threads."""

    settings: Settings
    source: MessageSource | None
    store: ResultStore
    decoder: PhotoDecoder
    replicas: InitVar[Sequence[Replica]]
    _: KW_ONLY
    telemetry: Telemetry
    clock: Callable[[], float]
    service_times: ServiceTimes = field(default_factory=ServiceTimes)  # of model calls, at warm-up
    stopping: threading.Event = field(default_factory=threading.Event)  # begin nothing new once set
    now: Callable[[], datetime] = utc_now
    chance: Callable[[], float] = random.random
    linger: float = LINGER
    door: SecondWay | None = None
    poll: Poll = field(init=False)  # if there is a source to poll

    def __post_init__(self, replicas: Sequence[Replica]) -> None:
        self.serving = Serving(replicas)
        self.outages = Outages(self.clock, self.chance)
        self.results = WatchedStore(self.store, self.outages)

        self.waiting_for_s3: WaitingRoom[Upload] = WaitingRoom(MOST_HELD, self.outages, self.clock)
        self.uploads: Lane[Item] = Lane(
            self.settings.upload_queue, 1 - self.settings.door_share, lambda: self.prepare.room.full
        )
        ways = [*([self.uploads] if self.source else []), *([self.door.lane] if self.door else [])]
        self.lanes = Lanes(ways, _work)
        self.ready: BoundedQueue[Prepared] = BoundedQueue(self._ready_places())
        self.outcomes: BoundedQueue[Outcome] = BoundedQueue(self.settings.outcome_queue)

        self.window = self._window()
        self.acknowledge = Acknowledge()
        if self.source:
            self.poll = self._poll(self.source)
        self.prepare = self._prepare()
        self.infer = self._infer()
        self.commit = self._commit()

    def pipeline(self, beside: dict[str, Step] | None = None) -> Pipeline:
        """Put the stages into threads. `beside`: further steps by thread name that no photo depends on."""
        infer_step, *infer_on_other_devices = self.infer.steps
        ranks = range(helper_threads(self.settings))
        self.commit.settle = self.acknowledge.settle
        stages = [
            *self._sources(),
            Stage(
                "infer",
                infer_step,
                output=self.outcomes,
                helpers=Helpers([partial(self.prepare.step, rank) for rank in ranks], output=self.ready),
                more=infer_on_other_devices,
            ),
            Stage("commit", self.commit.step, output=self.acknowledge.outcomes),
            Stage("acknowledge", self.acknowledge.step),
        ]
        return Pipeline(stages, self.clock, beside)

    def depths(self) -> dict[str, int]:
        """How many items wait at each place, by the name of its metric."""
        return {f"depth_{place}": items for place, (items, _) in self.fills().items()}

    def fills(self) -> dict[str, tuple[int, int]]:
        """How many items wait at each place, and how many may."""
        lane = self.door.lane if self.door else None
        return {
            "uploads": _fill(self.uploads) if self.source else (0, 0),
            "door": _fill(lane) if lane else (0, 0),
            "ready": _fill(self.ready),
            "outcomes": _fill(self.outcomes),
            "acknowledge": _fill(self.acknowledge.outcomes),
            "waiting_for_s3": (len(self.waiting_for_s3), self.waiting_for_s3.places),
            "waiting_for_model": (len(self.infer.room), self.infer.room.places),
        }

    @property
    def batches(self) -> Sequence[int]:
        """How many photos each replica scores now."""
        return self.infer.running

    @property
    def largest_batch(self) -> int:
        """How many a replica may score at once."""
        return max(model.largest_batch for replica in self.serving.replicas for model in replica)

    def _sources(self) -> Iterator[Stage]:
        if self.source:
            more = [self.poll.step_beside] * (self.settings.receivers - 1)
            yield Stage("poll", self.poll.step, output=self.uploads, more=more, is_source=True)
        if self.door:
            yield Stage("door", self.door.step, output=self.door.lane, is_source=True)

    def _ready_places(self) -> int:
        """Room for one full batch of each replica."""
        return sum(min(model.largest_batch for model in replica) for replica in self.serving.replicas)

    def _window(self) -> PrefetchWindow:
        most, count = helper_threads(self.settings), len(self.serving.replicas)
        return PrefetchWindow(decoders(self.settings), most, lambda: self.service_times.rate() * count)

    def _poll(self, source: MessageSource) -> Poll:
        return Poll(
            source=source,
            results=self.results,
            uploads=self.uploads,
            buckets=frozenset(self.settings.buckets),
            image_id_pattern=re.compile(self.settings.image_id_pattern),
            models=self._models,
            telemetry=self.telemetry,
            outages=self.outages,
            held=self.waiting_for_s3,
            stopping=self.stopping,
            turns=self._turns(source),
            is_behind=self.acknowledge.is_behind,
        )

    def _turns(self, source: MessageSource) -> Turns:
        return Turns(
            source=QuietTogether(source, self.door, self.stopping.is_set) if self.door else source,
            results=self.results,
            uploads=self.uploads,
            telemetry=self.telemetry,
            outages=self.outages,
            clock=self.clock,
            alone_after=self.settings.alone_after,
        )

    def _prepare(self) -> Prepare:
        return Prepare(
            uploads=self.lanes,
            ready=self.ready,
            outcomes=self.outcomes,
            decoder=self.decoder,
            window=self.window,
            objective_seconds=self.settings.objective / 1000,
            reuse=self._reuse(self.decoder.algorithm),
            outages=self.outages,
            room=self.waiting_for_s3,
            telemetry=self.telemetry,
            stopping=self.stopping,
            clock=self.clock,
        )

    def _reuse(self, algorithm: Algorithm) -> ScoreReuse:
        return ScoreReuse(
            self.results,
            self._models,
            algorithm,
            self.settings.reuse if self.settings.duplicate_window else "none",
            telemetry=self.telemetry,
            outages=self.outages,
            thumbnails=self.settings.embedded_thumbnails == "auto",
        )

    def _infer(self) -> Infer:
        return Infer(
            ready=self.ready,
            outcomes=self.outcomes,
            serving=self.serving,
            service_times=self.service_times,
            batch_wait_seconds=self.settings.batch_wait / 1000,
            telemetry=self.telemetry,
            outages=self.outages,
            room=WaitingRoom(self.settings.batch_size, self.outages, self.clock),
            stopping=self.stopping,
            clock=self.clock,
        )

    def _commit(self) -> Commit:
        return Commit(
            outcomes=self.outcomes,
            store=self.results,
            models=self._models,
            telemetry=self.telemetry,
            outages=self.outages,
            clock=self.clock,
            now=self.now,
            objective_seconds=self.settings.objective / 1000,
            linger=self.linger,
        )

    def _models(self) -> Mapping[str, str]:
        return self.serving.versions


def _fill(places: BoundedQueue[Any]) -> tuple[int, int]:
    return len(places.queue), places.maxsize


def _work(item: Item) -> float:
    """What passes the model by takes nothing of a lane's share."""
    return 1.0 if isinstance(item, Upload) else 0.0
