"""What may happen next: the rules of the state machine."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.support.fakes import ProcessEndedError
from tests.support.machine.redis import TwinStore
from tests.support.machine.s3 import Versioning
from tests.support.machine.worker import HangsError, StepwiseWorker
from tests.support.machine.world import FATAL_KINDS, FATAL_PHOTO, KINDS, OWNERS, TIMES, World, photo_number
from worker.messages import PhotoId, S3Object
from worker.results.store import ResultStore

WORKERS = st.integers(0, 1)
PHOTOS = st.builds(photo_number, st.sampled_from(OWNERS), st.integers(0, 3))
STEPS = ["poll", "help", "infer", "commit", "acknowledge", "extend"]
PARTS = ["store", "queue", "bucket", "models"]
FAULTS = {
    "store": ["away", "forgets"],
    "queue": ["down", "refuses", "refuses some", "forgets"],
    "bucket": ["away"],
    "models": ["away"],
}
ALL_FAULTS = [(part, fault) for part in PARTS for fault in FAULTS[part]]
ODD = ["no JSON", "{}", '{"Event": "s3:TestEvent"}']
VERSIONS = [  # of the models that the two workers serve: the first one's may be the older
    ({"picky": "1"}, {"picky": "1"}),
    ({"picky": "9"}, {"picky": "10"}),
    ({"picky": str(2**53)}, {"picky": str(2**53 + 1)}),
    ({"picky": "1", "second": "1"}, {"picky": "1", "second": "2"}),
]
ROUNDS = [4, 12, 60]  # of work in an outage, each a third of the visibility timeout
MOST_MESSAGES = 30
TICK = 0.001  # seconds


class Rules(RuleBasedStateMachine):
    """Each rule is something that the world, S3, SQS, Redis or a worker may do at any moment."""

    world: World

    def __init__(self) -> None:
        super().__init__()
        self.room = 2  # photos for which workers that start from now on have memory
        self.uncounted = 0  # results that a worker may have written before it ended, and never counted
        self.reported = 0  # results that former workers have counted as written

    def open_store(self) -> ResultStore:
        """The store under test, empty."""
        return TwinStore()

    @initialize(times=st.sampled_from(sorted(TIMES)), versions=st.sampled_from(VERSIONS))
    def a_day_begins(self, times: str, versions: tuple[dict[str, str], dict[str, str]]) -> None:
        self.world = World(self.open_store(), times, versions)
        self.workers = [self.world.worker(which, self.room) for which in range(2)]

    # what the world does

    @precondition(lambda self: len(self.world.queue.messages) < MOST_MESSAGES)
    @rule(
        photos=st.lists(PHOTOS, min_size=1, max_size=2, unique=True),
        kind=st.sampled_from(["good", "good", *sorted(KINDS)]),
        ways=st.sampled_from(["notification", "both", "request first", "late", "request, late notification"]),
    )
    def photos_are_put(self, photos: list[PhotoId], kind: str, ways: str) -> None:
        """Put or overwrite photos, announced in one message, late or not, beside the API's own requests."""
        stored = [self.world.put(photo, kind) for photo in photos]
        if "request" in ways or ways == "both":
            for one in stored:
                self.world.request(one)
        self.world.announce(*stored, late="late" in ways)

    @precondition(lambda self: FATAL_PHOTO not in self.world.kinds)
    @rule(kind=st.sampled_from(sorted(FATAL_KINDS)))
    def a_fatal_photo_is_put(self, kind: str) -> None:
        self.world.announce(self.world.put(FATAL_PHOTO, kind))

    @precondition(lambda self: self.world.late)
    @rule(data=st.data())
    def a_late_message_arrives(self, data: st.DataObject) -> None:
        self.world.queue.send(self.world.late.pop(data.draw(st.integers(0, len(self.world.late) - 1))))

    @precondition(lambda self: len(self.world.queue.messages) < MOST_MESSAGES)
    @rule(data=st.data(), odd=st.sampled_from([None, None, None, *ODD]))
    def something_is_announced_again(self, data: st.DataObject, odd: str | None) -> None:
        """Announce anything a second time; or something that is no upload."""
        known = [body for body in self.world.bodies if FATAL_PHOTO.image_id not in body]
        self.world.queue.send(odd or (data.draw(st.sampled_from(known)) if known else ODD[0]))

    @rule(photo=PHOTOS)
    def a_photo_is_deleted(self, photo: PhotoId) -> None:
        if photo in self.world.kinds:
            self.world.delete(photo)

    @rule(versioning=st.sampled_from(["on", "suspended"]))
    def versioning_changes(self, versioning: Versioning) -> None:
        self.world.bucket.versioning = versioning

    @rule(part=st.sampled_from([0.025, 0.1, 0.5, 0.75, 1.05, 5.0, 61.0]))
    def time_passes(self, part: float) -> None:
        """Let nobody do anything for a part of the visibility timeout."""
        self.world.clock.seconds += part * self.world.timeout

    @rule(faults=st.sets(st.sampled_from(ALL_FAULTS), max_size=2))
    def parts_fail_and_recover(self, faults: set[tuple[str, str]]) -> None:
        self._set_faults(faults)

    @rule(part=st.sampled_from(PARTS), rounds=st.sampled_from(ROUNDS))
    def an_outage_lasts(self, part: str, rounds: int) -> None:
        """Let the workers work on in an outage."""
        self._set_faults({(part, FAULTS[part][0])})
        for _ in range(rounds):
            for which in range(2):
                for step in ("poll", *STEPS):
                    self._take(which, step)
            self.world.clock.seconds += self.world.timeout / 3
        self._set_faults(set())

    @rule()
    def memory_is_short(self) -> None:
        self.room = 1

    # what a worker does

    @rule(which=WORKERS, steps=st.lists(st.sampled_from(STEPS), min_size=2, max_size=10))
    def a_worker_works(self, which: int, steps: list[str]) -> None:
        for step in steps:
            self._take(which, step)

    @rule(which=WORKERS, photos=st.integers(1, 3), fault=st.none() | st.sampled_from(ALL_FAULTS))
    def a_worker_works_in_order(self, which: int, photos: int, fault: tuple[str, str] | None) -> None:
        """Perhaps something fails from the write on, and then works again."""
        for step in ("poll", *["help"] * photos, "infer"):
            self._take(which, step)
        if fault:
            self._set_faults({fault})
        for _ in range(2):
            self._take(which, "commit")
            self._take(which, "acknowledge")
            self._set_faults(set())

    @rule(
        photo=PHOTOS,
        kinds=st.tuples(st.sampled_from(sorted(KINDS)), st.none() | st.sampled_from(["deleted", *KINDS])),
        orders=st.tuples(st.booleans(), st.booleans()),
        before=st.sampled_from([["poll one"], ["poll one", "help"], ["poll one", "help", "infer"]]),
        first=WORKERS,
    )
    def two_workers_have_one_photo(
        self,
        photo: PhotoId,
        kinds: tuple[str, str | None],
        orders: tuple[bool, bool],
        before: list[str],
        first: int,
    ) -> None:
        """Both work on a photo that was put, and perhaps overwritten or deleted while the first was at it."""
        self._announce_in_both_ways(self.world.put(photo, kinds[0]), request_first=orders[0])
        for step in before:
            self._take(first, step)
        if kinds[1] == "deleted":
            self.world.delete(photo)
        elif kinds[1]:
            self._announce_in_both_ways(self.world.put(photo, kinds[1]), request_first=orders[1])
        for step in ("poll one", "poll one", "help", "help", "infer", "commit", "acknowledge"):
            self._take(1 - first, step)
        for step in ("help", "infer", "commit", "acknowledge"):
            self._take(first, step)

    @rule(
        which=WORKERS,
        photos=st.lists(PHOTOS, min_size=1, max_size=2),
        kind=st.sampled_from(["good", "good", "refused by the model", "broken"]),
        again=st.booleans(),
    )
    def photos_are_sent(self, which: int, photos: list[PhotoId], kind: str, again: bool) -> None:
        """Send photos by HTTP: new bytes, or what was put or sent last under their ids."""
        for photo in photos:
            data = self.world.last.get(photo) if again else None
            self._send(which, photo, data or self.world.bytes_of(kind))

    @rule(photo=PHOTOS, kind=st.sampled_from(["good", "broken"]), first=WORKERS, data=st.data())
    def a_photo_comes_both_ways(self, photo: PhotoId, kind: str, first: int, data: st.DataObject) -> None:
        """Put and sent at once, to one worker or two, which have it in work in any order."""
        other = data.draw(WORKERS)
        self._announce_in_both_ways(self.world.put(photo, kind), request_first=data.draw(st.booleans()))
        self._send(other, photo, self.world.last[photo])
        steps = [(first, "poll"), *((which, step) for which in {first, other} for step in STEPS[1:5])]
        for which, step in data.draw(st.permutations(steps * 2)):
            self._take(which, step)

    @rule(data=st.data())
    def a_client_goes_away(self, data: st.DataObject) -> None:
        left = [(worker.door, one) for worker in self.workers for one in worker.door.open_requests()]
        if left:
            door, request = data.draw(st.sampled_from(left))
            door.tickets.abandon(request.ticket)

    def _send(self, which: int, photo: PhotoId, data: bytes) -> None:
        if self.workers[which].door.send(photo, data):
            self.world.last[photo] = data

    @rule(which=WORKERS, how=st.sampled_from(["told to stop", "told to stop", "leaves", "killed"]))
    def a_worker_ends(self, which: int, how: str) -> None:
        worker = self.workers[which]
        if how == "told to stop":
            worker.stop()
            return
        if how == "leaves":  # by deadline or second signal
            worker.leave(survived=True)
        self.replace(which)

    def _announce_in_both_ways(self, stored: S3Object, *, request_first: bool) -> None:
        if request_first:
            self.world.request(stored)
        self.world.announce(stored)
        if not request_first:
            self.world.request(stored)

    def replace(self, which: int) -> None:
        """Start a worker in the place of one that ends."""
        self.workers[which].door.break_off()
        self.uncounted += self.workers[which].unwritten
        self.reported += self.workers[which].reported
        self.workers[which] = self.world.worker(which, self.room)

    def _take(self, which: int, step: str) -> None:
        worker = self.workers[which]
        self.world.clock.seconds += TICK  # no two steps happen at the same moment
        try:
            worker.take(step)
        except ProcessEndedError:
            self.count_costs(worker)
            self.replace(which)
        except HangsError:
            self._stall(worker)
            self.count_costs(worker)
            worker.leave(survived=False)
            self.replace(which)
        else:
            if step == "extend" and worker.has_given_up():
                worker.leave(survived=True)
                self.replace(which)

    def _stall(self, hangs: StepwiseWorker) -> None:
        """A thread hangs until the main thread ends the process; leases are extended meanwhile."""
        seconds = 0.0
        while seconds < hangs.settings.stall_after:
            self.world.clock.seconds += self.world.timeout / 4
            seconds += self.world.timeout / 4
            for worker in self.workers:
                worker.take("extend")

    def _set_faults(self, faults: set[tuple[str, str]]) -> None:
        self.world.store.faults = {fault for part, fault in faults if part == "store"}
        self.world.queue.faults = {fault for part, fault in faults if part == "queue"}
        self.world.bucket.away = ("bucket", "away") in faults
        for worker in self.workers:
            for model in worker.models:
                model.away = ("models", "away") in faults

    def count_costs(self, worker: StepwiseWorker) -> None:
        """Count what the end of a worker costs; see invariants.py."""
        raise NotImplementedError
