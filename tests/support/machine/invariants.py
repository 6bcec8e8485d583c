"""What always holds, and what holds in the end: the invariants of the state machine."""

import os
from collections import Counter

from hypothesis import HealthCheck, settings
from hypothesis.stateful import invariant

from tests.support.history.judge import judge
from tests.support.machine.rules import STEPS, Rules
from tests.support.machine.worker import StepwiseWorker
from tests.support.machine.world import FATAL_KINDS, FATAL_PHOTO, RECEIVES, photos_in

ALONE_AFTER = 3  # the default of the setting
QUIET_ROUNDS = RECEIVES * 90
STEPS_OF_A_RUN = 60


def effort(runs: int) -> settings:
    """So many runs, always the same ones; or as many as RUNS in the environment says, new ones each time."""
    more = os.environ.get("RUNS")
    return settings(
        max_examples=int(more or runs),
        derandomize=more is None,  # what a search finds must not fail somebody else's change
        stateful_step_count=STEPS_OF_A_RUN,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )


class Pipelines(Rules):
    """Any interleaving of the rules keeps the promises."""

    def __init__(self) -> None:
        super().__init__()
        self.paid = Counter[str]()  # message → receives that a fatal photo has cost it

    @invariant()
    def all_promises_are_kept(self) -> None:
        self.no_promise_is_broken()
        self.a_lease_never_seems_longer_than_it_is()
        self.no_more_is_counted_than_written()
        self.a_fatal_photo_costs_others_little()
        self.nothing_vanishes()
        self.no_request_is_held_or_answered_twice()

    def no_promise_is_broken(self) -> None:
        assert self.world.queue.violations == [], self.world.queue.violations

    def a_lease_never_seems_longer_than_it_is(self) -> None:
        for worker in self.workers:
            for message in worker.leases.outstanding():
                if worker.leases.holds(message):
                    assert self.world.queue.hidden_under(message), message

    def no_more_is_counted_than_written(self) -> None:
        assert self._counted() <= len(self.world.store.published)

    def a_fatal_photo_costs_others_little(self) -> None:
        """Twice in its company, and once in line behind it."""
        assert all(receives <= ALONE_AFTER for receives in self.paid.values()), self.paid

    def no_request_is_held_or_answered_twice(self) -> None:
        """What came by HTTP never waits in a room; once a worker has ended, all is answered."""
        for worker in self.workers:
            assert all(len(request.answers) <= 1 for request in worker.door.requests)
            assert {held.item.source for held in worker.prepare.room._held.values()} <= {worker.source}
            assert {held.item.upload.source for held in worker.infer.room._held.values()} <= {worker.source}

    def nothing_vanishes(self) -> None:
        world = self.world
        waiting = {photo for stored in world.queue.messages.values() for photo in photos_in(stored.body)}
        late = {photo for body in world.late for photo in photos_in(body)}
        done = {one.photo for one in world.store.published}
        assert set(world.kinds) <= waiting | late | world.dead() | done

    def teardown(self) -> None:
        """All faults cease: in the end each photo has its last PUT's result or is a dead letter."""
        if not hasattr(self, "world"):  # a run that ended before its first rule
            return
        world = self.world
        self._set_faults(set())
        while world.late:
            world.queue.send(world.late.pop())
        for _ in range(QUIET_ROUNDS):
            if not world.queue.messages and not self._open_requests():
                break
            self._one_quiet_round()
        assert world.queue.messages == {}
        assert not self._open_requests()
        self.nothing_vanishes()
        self.no_promise_is_broken()
        self.every_answer_is_right()
        self.all_that_is_written_is_counted()

    def every_answer_is_right(self) -> None:
        """By the history of the run; and a photo fails only if something is wrong with what was put last."""
        world, dead = self.world, self.world.dead()
        complaints = judge([*world.history, *world.store.published], dead=dead)
        assert complaints == [], complaints
        last = {one.photo: one.result for one in world.store.published}
        for photo, kind in world.kinds.items():
            if kind in FATAL_KINDS:
                assert photo in dead
            elif photo not in dead and not world.is_deleted(photo):
                assert last[photo].status == ("scored" if kind == "good" else "failed"), (photo, kind)

    def all_that_is_written_is_counted(self) -> None:
        """Except what was replaced before the worker could ask again what had become of it."""
        store = self.world.store
        last = {one.photo: one for one in store.published}
        replaced = sum(last[one.photo] is not one for one in store.unconfirmed)
        counted = self._counted() + self.uncounted + replaced
        assert counted >= len(store.published), (counted, store.published)

    def count_costs(self, worker: StepwiseWorker) -> None:
        """Every message that the worker held pays a receive: those in company of the fatal one, or behind it.

        A photo whose lease was lost is in work all the same. If it was that one, nobody could have known.
        """
        held = {m.message_id: m for m in worker.leases.outstanding() if worker.leases.holds(m)}
        in_line = {message.message_id for message in worker.poll.turns.give_up()}
        guilty = {i for i, m in held.items() if i not in in_line and FATAL_PHOTO in photos_in(m.body)}
        survived = dict(zip(guilty, self.world.inner.tries([*guilty]), strict=True))
        if any(held[i].receive_count - survived[i].survived >= ALONE_AFTER for i in guilty):
            assert held.keys() - guilty <= in_line, "it was not alone"
        if guilty:
            self.paid.update(held.keys() - guilty)

    def _counted(self) -> int:
        return self.reported + sum(worker.reported for worker in self.workers)

    def _open_requests(self) -> bool:
        return any(worker.door.open_requests() for worker in self.workers)

    def _one_quiet_round(self) -> None:
        for which, worker in enumerate(self.workers):
            if worker.closed and not worker.leases.outstanding() and not worker.door.open_requests():
                self.replace(which)
            for step in ["poll", *STEPS * 8]:
                if step != "poll" or not self.workers[which].uploads.qsize():
                    self._take(which, step)
        self._skip_what_is_idle()

    def _skip_what_is_idle(self) -> None:
        """Go on to the moment when the next message is visible; a second at a time while anything is in work."""
        moments = [stored.visible_at for stored in self.world.queue.messages.values()]
        idle = not any(worker.leases.outstanding() or worker.door.open_requests() for worker in self.workers)
        now = self.world.clock()
        self.world.clock.seconds = max(now + 1.0, min(moments)) if idle and moments else now + 1.0
