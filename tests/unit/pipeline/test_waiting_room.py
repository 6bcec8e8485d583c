"""Who may leave the waiting room, and when."""

from tests.support.fakes import ManualClock
from worker.errors import Part
from worker.pipeline.outages import SHORTEST, Outages
from worker.pipeline.waiting_room import WaitingRoom

ONE, OTHER = (Part.STORAGE, "one"), (Part.STORAGE, "other")


class RoomRig:
    """A room whose places have failed, `SHORTEST` before the next try."""

    def __init__(self, *items: str) -> None:
        self.clock = ManualClock()
        self.outages = Outages(self.clock, lambda: 0.0)
        self.room = WaitingRoom[str](3, self.outages, self.clock)
        for place in (ONE, OTHER):
            self.fail(place)
        for item in items:
            self.room.put(item, item, ONE)

    def fail(self, place: tuple[Part, str]) -> None:
        for _ in range(2):
            self.outages.note_failure(place, "503")

    def taken(self) -> list[str]:
        taken = []
        while held := self.room.take():
            taken.append(held.item)
        return taken


def test_nothing_is_due_before_the_next_try_and_then_the_one_tried_least_recently() -> None:
    rig = RoomRig("a", "b")
    assert rig.taken() == []
    rig.clock.seconds += SHORTEST
    assert rig.taken() == ["a"]


def test_one_item_at_a_time_probes_a_place_and_each_place_has_its_own() -> None:
    rig = RoomRig("a", "b")
    rig.room.put("c", "c", OTHER)
    rig.clock.seconds += SHORTEST
    first, second = rig.room.take(), rig.room.take()
    assert first is not None
    assert second is not None
    assert (first.item, second.item, rig.taken()) == ("a", "c", [])
    rig.room.put("a", "a", ONE)
    rig.room.end_try(first)
    assert rig.taken() == ["b"]


def test_all_are_due_once_their_place_has_answered_and_others_wait_on() -> None:
    rig = RoomRig("a", "b")
    rig.room.put("c", "c", OTHER)
    rig.room.note_success(ONE)
    assert rig.taken() == ["a", "b"]
    assert len(rig.room) == 1
    assert not rig.outages.ongoing(ONE)


def test_an_item_knows_whether_its_place_has_answered_others_since_its_last_try() -> None:
    rig = RoomRig("a")
    rig.room.note_success(ONE)
    held = rig.room.take()
    assert held is not None
    assert held.answered
    rig.room.put("a", "a", ONE)
    rig.room.end_try(held)
    again = rig.room.take()
    assert again is not None
    assert not again.answered


def test_an_item_replaces_one_of_its_name_and_a_full_room_still_takes_those_in_hand() -> None:
    rig = RoomRig("a", "b")
    rig.room.put("a", "newer", ONE)
    assert not rig.room.full
    for item in ("c", "d"):
        assert rig.room.full is (item == "d")
        rig.room.put(item, item, ONE)
    assert rig.room.leave() == ["b", "newer", "c", "d"]
    assert len(rig.room) == 0
