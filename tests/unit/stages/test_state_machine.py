"""Any interleaving of receive, prepare, score, write, fail, expire, extend, stop and crash keeps the promises.

Two workers made of the real stages, leases and source share one simulated queue; Hypothesis chooses what happens next.
"""

import io
import json
import re
from contextlib import suppress

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from PIL import Image

from tests.support.fakes import CrampedModel, ImpatientEvent, ManualClock, PickyModel
from tests.unit.stages.simulated import ComparingStore, OutagedStorage, VisibilityQueue, images_of, is_ours
from worker.inference.serving import Serving
from worker.intake.leases import Leases
from worker.intake.s3_uploads import S3Uploads, back_off
from worker.messages import Outcome, Prepared, Upload
from worker.photos.hashes import PHASH
from worker.pipeline.outages import Outages
from worker.pipeline.prefetch import PrefetchWindow
from worker.pipeline.queues import BoundedQueue, ShutDown
from worker.pipeline.service_times import ServiceTimes
from worker.results.reuse import ScoreReuse
from worker.settings import UUID_SEGMENT
from worker.stages.commit import Commit
from worker.stages.infer import Infer
from worker.stages.poll import Poll, Rules
from worker.stages.prepare import Limits, Prepare
from worker.telemetry.counters import Telemetry

TIMEOUT, LONGEST, RECEIVES = 20, 100, 6
DISLIKED = 250
SIZES = {"uploads": 4, "ready": 2, "outcomes": 3}
WORKERS = st.integers(0, 1)


def photo(red: int) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (8, 8), (red, 0, 0)).save(stream, "PNG")
    return stream.getvalue()


STEPS = ["poll", "help", "infer", "commit", "extend"]
FAULTS = ["store away", "store forgetful", "queue down", "queue refuses", "storage away", "memory short"]
ODD = ["no JSON", "{}", '{"Event": "s3:TestEvent"}']
KINDS = {"good": photo(4), "refused by the model": photo(DISLIKED), "broken": b"text", "empty": b""}


class MemoryBoundModel(CrampedModel):
    """Dislikes some photos, and has no room for two."""

    def __init__(self) -> None:
        super().__init__(room=1)
        self.dislikes = DISLIKED


class StepwiseWorker:
    """One worker whose steps are taken by hand; each is possible only when it would not wait."""

    def __init__(
        self, queue: VisibilityQueue, storage: OutagedStorage, store: ComparingStore, model: PickyModel
    ) -> None:
        clock, telemetry = queue.clock, Telemetry()
        self.queue = queue
        self.leases = Leases(TIMEOUT, LONGEST, clock)
        self.source = S3Uploads(
            queue=queue,
            photos=storage,
            leases=self.leases,
            retry_delay=back_off(1, 8),
            telemetry=telemetry,
            clock=clock,
        )
        self.uploads: BoundedQueue[Upload | Outcome] = BoundedQueue(SIZES["uploads"])
        self.ready: BoundedQueue[Prepared] = BoundedQueue(SIZES["ready"])
        self.outcomes: BoundedQueue[Outcome] = BoundedQueue(SIZES["outcomes"])
        self.outcomes.cancelled = ImpatientEvent()
        self.stopping = ImpatientEvent()
        outages = Outages(clock, lambda: 0.5)
        serving = Serving([[model]])
        self.poll = Poll(
            queue=self.source,
            results=store,
            uploads=self.uploads,
            rules=Rules(frozenset({"photos"}), re.compile(UUID_SEGMENT)),
            models=lambda: serving.versions,
            telemetry=telemetry,
            outages=outages,
            stopping=self.stopping,
        )
        self.poll._wanted = 1  # no waiting for the room of a full receive: time passes by hand here
        self.prepare = Prepare(
            uploads=self.uploads,
            ready=self.ready,
            outcomes=self.outcomes,
            target=model.bundle.manifest.input.target,
            limits=Limits(max_bytes=10_000, max_pixels=100, decoders=1),
            algorithm=PHASH,
            window=PrefetchWindow(1, 8, lambda: 100.0),
            objective=1.0,
            originals=ScoreReuse(
                store, lambda: serving.versions, PHASH, "exact", telemetry=telemetry, outages=outages
            ),
            outages=outages,
            stopping=self.stopping,
            clock=clock,
        )
        self.infer = Infer(
            ready=self.ready,
            outcomes=self.outcomes,
            serving=serving,
            service_times=ServiceTimes(),
            batch_wait=0.0,
            telemetry=telemetry,
            outages=outages,
            clock=clock,
        )
        self.commit = Commit(
            outcomes=self.outcomes,
            store=store,
            models=lambda: serving.versions,
            telemetry=telemetry,
            outages=outages,
            clock=clock,
            now=clock.now,
            objective=1000,
            linger=0.0,
        )
        self.closed = False

    def take(self, step: str) -> None:
        """Take a step, if it would not wait."""
        free = SIZES["outcomes"] - self.outcomes.qsize()
        if step == "poll" and not self.closed and not self.uploads.full():
            self.queue.most_records = SIZES["uploads"] - self.uploads.qsize()
            self.poll.step()
        elif step == "help" and self.uploads.qsize() and free and not self.ready.full():
            self.prepare.step()
        elif step == "infer" and 0 < self.ready.qsize() <= free:
            self.infer.steps[0]()
        elif step == "commit" and (self.outcomes.qsize() or self.commit._unwritten):
            self.commit.step()
        elif step == "extend":
            self.source.extend_due()

    def leave(self) -> None:
        """Cancel and release; commit, in the middle of a step, goes on until it touches a queue."""
        for one in (self.uploads, self.ready, self.outcomes):
            one.shutdown(immediate=True)
        self.source.release_all()
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
        self.model: PickyModel = PickyModel(dislikes=DISLIKED, largest_batch=2)
        self.workers = [self._new_worker() for _ in range(2)]

    # what the world does

    @precondition(lambda self: len(self.uploaded) < 30)
    @rule(kinds=st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=2))
    def photos_are_uploaded(self, kinds: list[str]) -> None:
        """One message announces one photo or two."""
        ids = [f"{len(self.uploaded) + n:08d}-0000-4000-8000-000000000000" for n in range(len(kinds))]
        for image_id, kind in zip(ids, kinds, strict=True):
            self.uploaded[image_id] = kind
            self.storage.photos[image_id] = KINDS[kind]
        self.queue.send(body(*ids))

    @precondition(lambda self: self.uploaded and len(self.queue.messages) < 30)
    @rule(data=st.data(), sequencer=st.sampled_from(["00", "55"]), odd=st.sampled_from([None, *ODD]))
    def something_else_is_announced(self, data: st.DataObject, sequencer: str, odd: str | None) -> None:
        """A photo of before, perhaps by an older event; or what is no upload."""
        again = body(data.draw(st.sampled_from(sorted(self.uploaded))), sequencer=sequencer)
        self.queue.send(again if odd is None else odd)

    @rule(seconds=st.sampled_from([0.5, 2.0, TIMEOUT / 2, TIMEOUT - 5.0, TIMEOUT + 1.0, LONGEST + 1.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.seconds += seconds

    @rule(faults=st.sets(st.sampled_from(sorted(FAULTS)), max_size=2))
    def parts_fail_and_recover(self, faults: set[str]) -> None:
        self.store.away, self.store.forgetful = "store away" in faults, "store forgetful" in faults
        self.queue.down, self.queue.refuses = "queue down" in faults, "queue refuses" in faults
        self.storage.away = "storage away" in faults
        if "memory short" in faults:  # for workers that start from now on
            self.model = MemoryBoundModel()

    # what a worker does

    @rule(which=WORKERS, steps=st.lists(st.sampled_from(STEPS), min_size=2, max_size=10))
    def a_worker_works(self, which: int, steps: list[str]) -> None:
        for step in steps:
            self.workers[which].take(step)

    @rule(which=WORKERS, photos=st.integers(1, 3))
    def a_worker_works_in_order(self, which: int, photos: int) -> None:
        for step in ("poll", *["help"] * photos, "infer", "commit"):
            self.workers[which].take(step)

    @rule(which=WORKERS, how=st.sampled_from(["told to stop", "told to stop", "leaves", "killed"]))
    def a_worker_ends(self, which: int, how: str) -> None:
        worker = self.workers[which]
        if how == "told to stop":  # what the last long poll brings is given back; it drains from now on
            worker.stopping.set()
            worker.take("poll")
            worker.closed = True
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
    def nothing_vanishes(self) -> None:
        waiting = [i for stored in self.queue.messages.values() for i in images_of(stored.body)]
        dead = [i for text in self.queue.dead for i in images_of(text)]
        assert set(self.uploaded) <= {*waiting, *dead, *self.store.results}

    def teardown(self) -> None:
        """All faults cease: in the end every photo has a result or is a dead letter, and nothing is in flight."""
        self.store.away = self.store.forgetful = self.storage.away = self.queue.down = self.queue.refuses = (
            False
        )
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
        for image_id, kind in self.uploaded.items():
            if image_id not in dead:
                assert statuses[image_id] == ("scored" if kind == "good" else "failed"), (image_id, kind)

    def _one_quiet_round(self) -> None:
        for which, worker in enumerate(self.workers):
            if worker.closed and not worker.leases.outstanding():
                self.workers[which] = self._new_worker()
            for step in ["poll", *STEPS * 8]:
                if step != "poll" or not worker.uploads.qsize():
                    worker.take(step)
        self.clock.seconds += 1.0

    def _is_done(self, text: str) -> bool:
        return is_ours(text) and all(image_id in self.store.results for image_id in images_of(text))

    def _new_worker(self) -> StepwiseWorker:
        return StepwiseWorker(self.queue, self.storage, self.store, self.model)


def body(*keys: str, sequencer: str = "55") -> str:
    """An S3 notification with a record for each key."""
    records = [
        {
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "eventName": "ObjectCreated:Put",
            "s3": {
                "bucket": {"name": "photos"},
                "object": {"key": key, "eTag": f"etag-of-{key}", "sequencer": sequencer},
            },
        }
        for key in keys
    ]
    return json.dumps({"Records": records})


TestPipelines = Pipelines.TestCase
TestPipelines.settings = settings(
    max_examples=150, stateful_step_count=60, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
