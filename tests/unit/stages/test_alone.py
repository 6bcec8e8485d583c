"""Messages received often are worked alone: whose turn it is, what waits meanwhile, and what may not wait for ever."""

import queue

import pytest
from structlog.testing import capture_logs

from tests.support.fakes import ScriptedSource, message
from tests.support.stage_rig import IDS, StageRig, body, photo
from worker.errors import Part
from worker.intake.turns import PATIENCE, STEP
from worker.messages import Message, Outcome, Skipped, Upload
from worker.pipeline.lanes import Lane
from worker.pipeline.outages import Place

ALONE_AFTER = 3  # the default of the setting


def received(number: int, times: int = ALONE_AFTER) -> Message:
    """A message with one photo that has been received so often."""
    return message(body(IDS[number]), number=number, receive_count=times)


def rig_with(*messages: Message) -> StageRig:
    photos = {key: photo(4, blue=n) for n, key in enumerate(IDS[:20])}
    return StageRig(ScriptedSource(messages, dict(photos)))


def in_work(rig: StageRig) -> list[str]:
    """Ids of the photos handed on and not yet taken."""
    return [item.photo.image_id for item in rig.uploads.queue if isinstance(item, Upload)]


def finish(rig: StageRig) -> None:
    """Take everything that was handed on through the other stages."""
    for _ in range(rig.uploads.qsize()):
        rig.prepare.step()
    rig.infer.steps[0]()
    rig.commit.step()


def wait_slowly(rig: StageRig, seconds: float) -> None:
    """Let so much time pass in each step that waits for something that is held."""

    def pass_time() -> None:
        rig.clock.seconds += seconds

    rig.source.waits = pass_time


def test_a_message_received_often_waits_until_everything_else_is_settled() -> None:
    rig = rig_with(received(0, times=1), received(1))
    rig.poll.step()
    rig.poll.step()
    assert in_work(rig) == [IDS[0]]
    finish(rig)
    rig.poll.step()
    assert in_work(rig) == [IDS[1]]


def test_nothing_is_received_until_a_message_worked_alone_is_settled() -> None:
    rig = rig_with(received(0))
    rig.poll.step()
    rig.source.waiting.append(received(1, times=1))
    for _ in range(3):
        rig.poll.step()
    assert len(rig.source.asked_for) == 1
    assert rig.source.paused
    assert rig.telemetry.counts["worked_alone"] == 1
    finish(rig)
    rig.poll.step()
    assert not rig.source.paused
    assert in_work(rig) == [IDS[1]]


def test_several_are_worked_one_after_another() -> None:
    rig = rig_with(*(received(n) for n in range(3)))
    rig.poll.step()
    seen = []
    for _ in range(3):
        rig.poll.step()
        seen += in_work(rig)
        finish(rig)
    assert seen == IDS[:3]
    assert len(rig.store.results) == 3


def test_a_message_received_less_often_has_company() -> None:
    rig = rig_with(*(received(n, times=ALONE_AFTER - 1) for n in range(3)))
    rig.poll.step()
    assert in_work(rig) == IDS[:3]


def test_all_photos_of_a_message_are_worked_together() -> None:
    rig = rig_with(message(body(*IDS[:3]), receive_count=ALONE_AFTER))
    rig.poll.step()
    rig.poll.step()
    assert in_work(rig) == IDS[:3]
    assert {item.message.records for item in rig.uploads.queue} == {3}


def test_only_photos_that_must_be_scored_are_worked_alone() -> None:
    """Others cannot end the process, however often they come."""
    poison = message("no JSON", number=5, receive_count=ALONE_AFTER)
    rig = rig_with(received(0, times=1))
    rig.poll.step()
    finish(rig)
    rig.source.waiting = [poison, message(body(IDS[0]), number=6, receive_count=ALONE_AFTER), received(1)]
    rig.poll.step()
    assert [item.message.message_id for item in rig.uploads.queue] == ["message-5", "message-6"]


def test_receives_that_a_worker_has_come_back_from_do_not_count() -> None:
    """S3 refused the photo, or the worker was stopped. The others must not stand still for it."""
    rig = rig_with(received(0, times=7), received(1, times=7))
    rig.store.survived.update({"message-0": 5, "message-1": 4})
    rig.poll.step()
    assert in_work(rig) == [IDS[0]]


def test_an_earlier_message_of_the_same_photo_says_nothing() -> None:
    """The photo has been replaced since."""
    rig = rig_with(message(body(IDS[0]), number=9, receive_count=ALONE_AFTER))
    rig.store.note_survived(["message-0"] * 2)
    rig.poll.step()
    assert in_work(rig) == []


def test_a_message_that_a_worker_did_not_come_back_from_is_worked_alone_whatever_came_before() -> None:
    rig = rig_with(received(0, times=4))
    rig.store.survived["message-0"] = 3
    rig.store.trials = {"message-0"}
    rig.poll.step()
    assert in_work(rig) == []


# how many messages a receive asks for


def test_a_worker_starts_with_one_message_at_a_time_until_it_gets_an_ordinary_one() -> None:
    rig = rig_with(received(0), received(1), received(2, times=1))
    rig.poll.turns.careful = True
    for _ in range(6):
        rig.poll.step()
        finish(rig)
    assert rig.source.asked_for == [1, 1, 1, 10]


def test_an_empty_receive_says_nothing() -> None:
    rig = rig_with()
    rig.poll.turns.careful = True
    rig.poll.step()
    rig.poll.step()
    assert rig.source.asked_for == [1, 1]


def test_as_long_as_such_messages_come_a_receive_asks_for_one() -> None:
    rig = rig_with(received(0))
    rig.poll.step()  # asks for ten
    rig.poll.step()
    finish(rig)
    rig.poll.step()
    rig.source.waiting = [received(1, times=1)]
    rig.poll.step()
    rig.poll.step()
    assert rig.source.asked_for == [10, 1, 1, 10]


# the one that is tried goes last the next time


def test_a_photo_that_a_worker_did_not_survive_goes_last() -> None:
    culprit = received(0)
    dead = rig_with(culprit, received(1))
    dead.poll.step()
    dead.poll.step()
    assert in_work(dead) == [IDS[0]]
    assert dead.store.trials == {"message-0"}
    # another worker gets both again
    heir = rig_with(received(0, times=4), received(1, times=4))
    heir.store.trials = dead.store.trials
    heir.poll.step()
    heir.poll.step()
    assert in_work(heir) == [IDS[1]]
    assert heir.store.trials == {"message-0", "message-1"}
    finish(heir)
    heir.poll.step()
    assert in_work(heir) == [IDS[0]]


def test_no_turn_begins_that_redis_cannot_be_told_of() -> None:
    """Else the next worker would not know what to leave to the last."""
    rig = rig_with(received(0), received(1))
    rig.store.away = True
    for _ in range(4):
        rig.poll.step()
    assert in_work(rig) == []
    assert rig.outages.ongoing(Part.STORE)
    assert rig.outages.longest()[1].endswith("Redis does not answer")
    rig.store.away, rig.store.trials = False, {"message-0"}
    rig.poll.step()
    assert in_work(rig) == [IDS[1]]
    assert not rig.outages.ongoing(Part.STORE)


def test_poll_pauses_while_a_turn_waits_for_redis() -> None:
    rig = rig_with(received(0))
    rig.store.away = True
    for _ in range(4):
        rig.poll.step()
    assert max(rig.impatient.waits, default=0.0) > 0.0


def test_redis_is_asked_only_about_messages_received_often(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = rig_with(received(0, times=1))
    monkeypatch.setattr(rig.store, "tries", pytest.fail)
    rig.poll.step()
    assert in_work(rig) == [IDS[0]]


def test_a_message_in_work_waits_for_redis_for_as_long_as_it_takes() -> None:
    rig = rig_with(received(0))
    rig.poll.step()
    rig.poll.step()
    rig.store.away = True
    rig.prepare.step()
    rig.infer.steps[0]()
    rig.commit.step()
    rig.commit.step()  # two failures are an outage
    wait_slowly(rig, 10 * PATIENCE)
    rig.poll.step()
    assert rig.telemetry.counts.get("not_alone", 0) == 0
    rig.store.away = False
    rig.commit.step()
    rig.poll.step()
    assert not rig.source.paused


# nothing waits for ever


def test_a_photo_that_is_held_delays_the_one_to_be_worked_alone_for_a_while_only() -> None:
    rig = rig_with(received(0, times=1), received(1))
    rig.poll.step()
    rig.uploads.get()  # something holds it
    wait_slowly(rig, PATIENCE - 0.5)
    rig.clock.seconds += 10 * PATIENCE  # a pause says nothing
    rig.poll.step()
    assert in_work(rig) == []
    with capture_logs() as logs:
        rig.poll.step()
    assert in_work(rig) == [IDS[1]]
    assert logs == [
        {"event": "not_alone", "log_level": "warning", "message_id": "message-1"},
        {"event": "worked_alone", "log_level": "info", "message_id": "message-1", "receive_count": 3},
    ]


def test_a_photo_that_is_held_while_it_is_worked_alone_delays_the_others_for_a_while_only() -> None:
    rig = rig_with(received(0))
    rig.poll.step()
    rig.poll.step()
    rig.uploads.get()  # something holds it
    rig.source.waiting = [received(1, times=1)]
    wait_slowly(rig, PATIENCE - 0.5)
    rig.poll.step()
    assert in_work(rig) == []
    rig.poll.step()
    assert in_work(rig) == [IDS[1]]


def receive_beside(rig: StageRig, *messages: Message) -> None:
    """Let another receiver bring these."""
    rig.source.waiting = [*messages]
    rig.poll._starving.set()
    rig.poll.step_beside()


def test_what_comes_during_a_turn_has_the_next_one_and_does_not_prolong_it() -> None:
    rig = rig_with(received(0))
    rig.poll.step()
    rig.poll.step()
    wait_slowly(rig, PATIENCE / 2)
    rig.poll.step()
    receive_beside(rig, received(1))
    rig.uploads.get()  # something holds the first
    rig.poll.step()
    assert in_work(rig) == [IDS[1]]
    receive_beside(rig, received(2))
    rig.source.settle([Skipped(one, rig.source) for one in (received(0), received(1))])
    rig.uploads.get()
    rig.poll.step()
    assert in_work(rig) == [IDS[2]]
    assert rig.telemetry.counts["not_alone"] == 1


def test_what_one_turn_took_is_no_reason_to_hurry_the_next() -> None:
    rig = rig_with(received(0))
    rig.poll.step()
    rig.poll.step()
    wait_slowly(rig, PATIENCE / 2)
    rig.poll.step()
    finish(rig)
    rig.source.waiting, rig.poll.turns.careful = [received(1, times=1), received(2)], False
    rig.poll.step()
    rig.uploads.get()  # something holds it
    rig.poll.step()
    assert in_work(rig) == []
    rig.poll.step()
    assert in_work(rig) == [IDS[2]]


def test_while_the_model_is_away_a_message_in_work_is_not_given_up() -> None:
    rig = rig_with(received(0))
    rig.poll.step()
    rig.poll.step()
    for _ in range(2):
        rig.outages.note_failure(Part.MODEL, "no memory")
    wait_slowly(rig, 10 * PATIENCE)
    rig.poll.step()
    assert rig.telemetry.counts.get("not_alone", 0) == 0


def test_poll_shows_that_it_lives_while_it_waits_for_a_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = rig_with(received(0))
    rig.poll.step()
    waits = list[float]()
    monkeypatch.setattr(rig.source, "is_idle", lambda _besides, timeout: waits.append(timeout))
    rig.poll.step()
    rig.poll.step()
    assert waits == [STEP] * 2


def test_what_was_held_before_the_turn_began_does_not_delay_the_others_a_second_time() -> None:
    """It waits for a bucket that is away, while those of others may flow."""
    rig = rig_with(received(0, times=1), received(1), received(2))
    rig.poll.step()
    rig.uploads.get()  # something holds it
    wait_slowly(rig, PATIENCE)
    rig.poll.step()
    assert in_work(rig) == [IDS[1]]
    finish(rig)
    rig.poll.step()
    assert in_work(rig) == [IDS[2]]
    assert rig.source.paused
    finish(rig)
    rig.poll.step()
    assert not rig.source.paused
    assert rig.telemetry.counts["not_alone"] == 1


def test_at_a_stop_what_waits_for_its_turn_is_given_back() -> None:
    rig = rig_with(received(0), received(1), received(2))
    rig.poll.step()
    rig.poll.step()
    rig.stopping.set()
    rig.poll.step()
    rig.poll.step_beside()
    assert [m.message_id for m in rig.source.given_back] == ["message-1", "message-2"]
    assert in_work(rig) == [IDS[0]]  # begun: the drain finishes it


def test_what_another_receiver_brings_waits_for_its_turn_too() -> None:
    rig = rig_with(received(0))
    rig.poll._starving.set()
    rig.poll.step_beside()
    assert in_work(rig) == []
    rig.poll.step_beside()  # has no turns to give
    assert in_work(rig) == []
    rig.poll.step()
    assert in_work(rig) == [IDS[0]]


@pytest.mark.parametrize("place", [(Part.STORAGE, "photos"), Part.MODEL])
def test_in_an_outage_turns_pause_as_receives_do(place: Place) -> None:
    """Otherwise those that wait would use their receives up, one after another."""
    rig = rig_with(received(0), received(1))
    rig.poll.step()
    for _ in range(2):
        rig.outages.note_failure(place, "503")
    rig.poll.step()
    assert rig.impatient.waits == [0.5]


# photos of the second way in


class Neighbour:
    """Brings photos by itself. `begun` of them are in work."""

    def __init__(self) -> None:
        self.lane: Lane[Upload | Outcome] = Lane(10)
        self.begun = 0

    def step(self) -> None:
        """They come by themselves."""


def rig_with_neighbour(*messages: Message) -> tuple[StageRig, Neighbour]:
    neighbour = Neighbour()
    rig = StageRig(ScriptedSource(messages, dict.fromkeys(IDS[:20], photo(4))), door=neighbour)
    rig.poll.turns.step_seconds = 0.0
    neighbour.lane.put(rig.source.upload(IDS[9], number=9))
    return rig, neighbour


def test_no_photo_of_the_second_way_is_begun_beside_a_message_that_is_worked_alone() -> None:
    rig, neighbour = rig_with_neighbour(received(0))
    rig.poll.step()
    rig.poll.step()
    assert in_work(rig) == [IDS[0]]
    finish(rig)
    assert not neighbour.lane.is_ready
    with pytest.raises(queue.Empty):
        rig.lanes.get(block=False)
    rig.poll.step()
    assert rig.lanes.get(block=False) == rig.source.upload(IDS[9], number=9)


def test_a_message_is_worked_alone_once_photos_of_the_second_way_are_done() -> None:
    rig, neighbour = rig_with_neighbour(received(0))
    neighbour.begun = 1
    for _ in range(3):
        rig.poll.step()
    assert in_work(rig) == []
    neighbour.begun = 0
    rig.poll.step()
    assert in_work(rig) == [IDS[0]]


def test_photos_of_the_second_way_go_on_when_a_stop_ends_a_turn() -> None:
    rig, neighbour = rig_with_neighbour(received(0))
    rig.poll.step()
    rig.poll.step()
    assert not neighbour.lane.is_ready
    rig.stopping.set()
    assert neighbour.lane.is_ready
