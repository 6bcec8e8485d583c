"""Any interleaving of receive, prepare, score, write, fail, expire, extend, stop and crash keeps the promises.

Two workers made of the real stages, leases and source share one simulated queue; Hypothesis chooses what happens next.
One of the photos ends the process of every worker that scores it.
"""

import math
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.support.fakes import (
    CrampedModel,
    ImpatientEvent,
    InlineDecoder,
    ManualClock,
    PickyModel,
    ProcessEndedError,
)
from tests.support.stage_rig import body, make_settings, photo
from tests.unit.stages.simulated import ComparingStore, OutagedStorage, VisibilityQueue, images_of, is_ours
from worker.assembly import Assembly
from worker.connections import Connections, s3_uploads
from worker.intake.s3_uploads import S3Uploads
from worker.pipeline.queues import ShutDown
from worker.pipeline.waiting_room import WaitingRoom
from worker.telemetry.counters import Telemetry

TIMEOUT, LONGEST, RECEIVES = 20, 100, 6
ALONE_AFTER = 3  # the default of the setting
DISLIKED, FATAL = 250, 200
SIZES = {"uploads": 4, "ready": 2, "outcomes": 4}
HELD = 2  # photos that wait for S3; for the model, one before and one of a batch
WORKERS = st.integers(0, 1)


STEPS = ["poll", "help", "infer", "commit", "extend"]
FAULTS = [
    "store away",
    "store forgetful",
    "queue down",
    "queue refuses",
    "storage away",
    "model away",
    "memory short",
]
ODD = ["no JSON", "{}", '{"Event": "s3:TestEvent"}']
KINDS: dict[str, Callable[[int], bytes]] = {
    "good": lambda number: photo(4, number % 5),  # some have the same bytes
    "refused by the model": lambda number: photo(DISLIKED, number % 3),
    "fatal": lambda _: photo(FATAL),
    "broken": lambda _: b"text",
    "empty": lambda _: b"",
}


class MemoryBoundModel(CrampedModel):
    """Dislikes some photos, and has no room for two."""

    def __init__(self) -> None:
        super().__init__(room=1)
        self.dislikes, self.dies_of = DISLIKED, FATAL


class StepwiseWorker(Assembly):
    """A worker stepped by hand. A step is taken only if it would not wait."""

    source: S3Uploads

    def __init__(
        self, queue: VisibilityQueue, storage: OutagedStorage, store: ComparingStore, model: PickyModel
    ) -> None:
        clock, telemetry = queue.clock, Telemetry()
        settings = make_settings(
            upload_queue=SIZES["uploads"],
            outcome_queue=SIZES["outcomes"],
            max_bytes=10_000,
            decoders=1,
            lease_most=LONGEST,
            retry_delay=1,
            retry_delay_max=8,
        )
        source = s3_uploads(settings, Connections(queue, TIMEOUT, storage, store), telemetry, clock)
        super().__init__(
            settings,
            source,
            store,
            InlineDecoder(model.bundle.manifest.input.target, max_bytes=10_000),
            [[model]],
            telemetry=telemetry,
            clock=clock,
            stopping=ImpatientEvent(),
            now=clock.now,
            chance=lambda: 0.5,
            linger=0.0,
        )
        self.queue, self.leases, self.model = queue, source.leases, model
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

    def take(self, step: str) -> None:
        """Take a step if it would not wait."""
        free = SIZES["outcomes"] - self.outcomes.qsize()
        if step == "poll" and not self.closed and not self.uploads.full():
            self.queue.most_records = SIZES["uploads"] - self.uploads.qsize()
            self.poll.step()
        elif step == "help" and self._can_help(free):
            self.prepare.step()
        elif step == "infer" and 0 < self.ready.qsize() + len(self.infer.room) <= free:
            self.infer.steps[0]()
        elif step == "commit" and (self.outcomes.qsize() or self.commit._unwritten):
            self.commit.step()
        elif step == "extend":
            self.source.extend_due()

    def _can_help(self, free: int) -> bool:
        """Whether a helper has something to do and room for it; a stop needs room for all that is held."""
        held = len(self.prepare.room)
        if self.stopping.is_set() and held:
            return held < free
        return bool((self.uploads.qsize() or held) and free and not self.ready.full())

    def stop(self) -> None:
        """Stop in the middle of a receive: what it brings is given back, and the worker drains from now on."""
        self.queue.meanwhile = self.stopping.set
        self.take("poll")
        self.queue.meanwhile = lambda: None
        self.stopping.set()
        self.source.close()
        self.poll.step()
        self.closed = True

    def leave(self) -> None:
        """Cancel and release. Commit, in the middle of a step, goes on until it touches a queue."""
        for one in (self.uploads, self.ready, self.outcomes):
            one.shutdown(immediate=True)
        self.source.release_all(survived=True)
        with suppress(ShutDown):
            self.commit.step()


class Pipelines(RuleBasedStateMachine):
    """Rules are what may happen; the invariants hold after each."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock()
        self.store, self.storage = ComparingStore(), OutagedStorage()
        self.queue = VisibilityQueue(self.clock, TIMEOUT, RECEIVES, self._is_done)
        self.uploaded: dict[str, str] = {}  # image → kind
        self.model: PickyModel = PickyModel(dislikes=DISLIKED, dies_of=FATAL, largest_batch=2)
        self.paid = Counter[str]()  # message → receives that a fatal photo has cost it
        self.notes_are_whole = True  # Redis could be told of every try
        self.workers = [self._new_worker() for _ in range(2)]

    # what the world does

    @precondition(lambda self: len(self.uploaded) < 30)
    @rule(kinds=st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=2))
    def photos_are_uploaded(self, kinds: list[str]) -> None:
        """One message announces one photo or two."""
        ids = [f"{len(self.uploaded) + n:08d}-0000-4000-8000-000000000000" for n in range(len(kinds))]
        for image_id, drawn in zip(ids, kinds, strict=True):
            kind = "good" if drawn in self.uploaded.values() and drawn == "fatal" else drawn
            self.uploaded[image_id] = kind
            self.storage.photos[image_id] = KINDS[kind](len(self.uploaded))
        self.queue.send(body(*ids, sequencer="55"))

    @precondition(lambda self: self.uploaded and len(self.queue.messages) < 30)
    @rule(data=st.data(), sequencer=st.sampled_from(["00", "55"]), odd=st.sampled_from([None, *ODD]))
    def something_else_is_announced(self, data: st.DataObject, sequencer: str, odd: str | None) -> None:
        """Announce an earlier photo again, perhaps by an older event; or something that is no upload."""
        others = sorted(image_id for image_id, kind in self.uploaded.items() if kind != "fatal")
        again = body(data.draw(st.sampled_from(others)), sequencer=sequencer) if others else odd or ODD[0]
        self.queue.send(again if odd is None else odd)

    @rule(seconds=st.sampled_from([0.5, 2.0, TIMEOUT / 2, TIMEOUT - 5.0, TIMEOUT + 1.0, LONGEST + 1.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.seconds += seconds

    @rule(faults=st.sets(st.sampled_from(sorted(FAULTS)), max_size=2))
    def parts_fail_and_recover(self, faults: set[str]) -> None:
        self.store.away, self.store.forgetful = "store away" in faults, "store forgetful" in faults
        self.storage.away = "storage away" in faults
        for worker in self.workers:
            worker.model.away = "model away" in faults
        self.notes_are_whole &= "store away" not in faults
        self.queue.down, self.queue.refuses = "queue down" in faults, "queue refuses" in faults
        if "memory short" in faults:  # for workers that start from now on
            self.model = MemoryBoundModel()

    # what a worker does

    @rule(which=WORKERS, steps=st.lists(st.sampled_from(STEPS), min_size=2, max_size=10))
    def a_worker_works(self, which: int, steps: list[str]) -> None:
        for step in steps:
            self._take(which, step)

    @rule(which=WORKERS, photos=st.integers(1, 3))
    def a_worker_works_in_order(self, which: int, photos: int) -> None:
        for step in ("poll", *["help"] * photos, "infer", "commit"):
            self._take(which, step)

    @rule(which=WORKERS, how=st.sampled_from(["told to stop", "told to stop", "leaves", "killed"]))
    def a_worker_ends(self, which: int, how: str) -> None:
        worker = self.workers[which]
        if how == "told to stop":
            worker.stop()
            return
        if how == "leaves":  # by deadline, second signal, or a stage that failed
            worker.leave()
        self.workers[which] = self._new_worker()

    # what always holds

    @invariant()
    def no_promise_is_broken(self) -> None:
        assert self.queue.violations == []

    @invariant()
    def a_lease_never_seems_longer_than_it_is(self) -> None:
        for worker in self.workers:
            for message in worker.leases.outstanding():
                if worker.leases.holds(message):
                    assert self.queue.hidden_under(message), message

    @invariant()
    def no_result_is_written_twice(self) -> None:
        assert all(times == 1 for times in self.store.written.values()), self.store.written

    @invariant()
    def a_fatal_photo_costs_others_little(self) -> None:
        """Twice in its company, and once in line behind it, if Redis could be told of every try."""
        most = ALONE_AFTER if self.notes_are_whole else RECEIVES - 1
        assert all(receives <= most for receives in self.paid.values()), self.paid

    @invariant()
    def nothing_vanishes(self) -> None:
        waiting = [i for stored in self.queue.messages.values() for i in images_of(stored.body)]
        dead = [i for text in self.queue.dead for i in images_of(text)]
        assert set(self.uploaded) <= {*waiting, *dead, *self.store.results}

    def teardown(self) -> None:
        """All faults cease: in the end every photo has a result or is a dead letter, and nothing is in flight."""
        self.store.away = self.store.forgetful = self.storage.away = self.queue.down = self.queue.refuses = (
            False
        )
        for worker in self.workers:
            worker.model.away = False
        for _ in range(RECEIVES * 30 * 3):
            if not self.queue.messages:
                break
            self._one_quiet_round()
        assert self.queue.messages == {}
        self.nothing_vanishes()
        self.no_result_is_written_twice()
        assert self.queue.violations == []
        dead = {i for text in self.queue.dead for i in images_of(text)}
        statuses = {i: result.status for i, result in self.store.results.items()}
        assert {i for i, kind in self.uploaded.items() if kind == "fatal"} <= dead
        for image_id, kind in self.uploaded.items():
            if image_id not in dead:
                assert statuses[image_id] == ("scored" if kind == "good" else "failed"), (image_id, kind)

    def _one_quiet_round(self) -> None:
        for which, worker in enumerate(self.workers):
            if worker.closed and not worker.leases.outstanding():
                self.workers[which] = self._new_worker()
            for step in ["poll", *STEPS * 8]:
                if step != "poll" or not self.workers[which].uploads.qsize():
                    self._take(which, step)
        self.clock.seconds += 1.0

    def _take(self, which: int, step: str) -> None:
        try:
            self.workers[which].take(step)
        except ProcessEndedError:
            self._count_what_it_cost(self.workers[which])
            self.workers[which] = self._new_worker()

    def _count_what_it_cost(self, worker: StepwiseWorker) -> None:
        """Every message that the worker held pays a receive: those in company of the fatal one, or in line behind it.

        A photo whose lease was lost is in work all the same. If it was that one, nobody could have known.
        """
        held = {m.message_id: m for m in worker.leases.outstanding() if worker.leases.holds(m)}
        in_line = {message.message_id for message in worker.poll.turns.give_up()}
        fatal = {image_id for image_id, kind in self.uploaded.items() if kind == "fatal"}
        guilty = {i for i, m in held.items() if i not in in_line and fatal & set(images_of(m.body))}
        if any(held[i].receive_count - self.store.survived[i] >= ALONE_AFTER for i in guilty):
            assert held.keys() - guilty <= in_line, "it was not alone"
        if guilty:
            self.paid.update(held.keys() - guilty)

    def _is_done(self, text: str) -> bool:
        return is_ours(text) and all(image_id in self.store.results for image_id in images_of(text))

    def _new_worker(self) -> StepwiseWorker:
        return StepwiseWorker(self.queue, self.storage, self.store, self.model)


TestPipelines = Pipelines.TestCase
TestPipelines.settings = settings(
    max_examples=150, stateful_step_count=60, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
