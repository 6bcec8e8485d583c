"""Which photos are shown: each for its whole way, few of many, and nothing for nobody."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.fakes import ManualClock, ScriptedSource
from worker.door.page.movements import BURST, MOST, NEW, Movements
from worker.messages import Upload
from worker.telemetry.counters import Reported

STEPS = ("arrived", "fetch", "decode", "ready", "infer", "commit")


def upload(number: int) -> Upload:
    return ScriptedSource([]).upload(f"photo-{number}", number=number)


def reported(of: Upload, ledger: Mapping[str, float] | None = None) -> Reported:
    return Reported(of.key, of.photo.image_id, "scored", "queue", None, {}, ledger or {"total": 61.4}, 0.0)


def watched(clock: ManualClock, *, shows_ids: bool = False) -> Movements:
    movements = Movements(clock, shows_ids=shows_ids)
    movements.watch(True)
    return movements


def go(movements: Movements, photo: Upload) -> None:
    for step in STEPS:
        movements.moved(photo, step)
    movements.photo(reported(photo))


def test_a_photo_is_shown_from_its_arrival_to_its_end() -> None:
    movements = watched(ManualClock())
    go(movements, upload(1))
    moves, share = movements.take()
    assert [move[2] for move in moves] == [*STEPS, "scored"]
    assert {move[:2] for move in moves} == {(1, "queue")}
    assert moves[-1][4] == {"ms": 61}
    assert share == 1.0
    assert movements.take() == ([], 1.0)


def test_moves_say_how_long_ago_they_were() -> None:
    clock = ManualClock()
    movements = watched(clock)
    movements.moved(upload(1), "arrived")
    clock.seconds += 0.2
    movements.moved(upload(1), "fetch")
    assert [move[3] for move in movements.take()[0]] == [0.2, 0.0]


@pytest.mark.parametrize("shows_ids", [True, False])
def test_ids_are_told_only_where_they_may_be(shows_ids: bool) -> None:
    movements = watched(ManualClock(), shows_ids=shows_ids)
    go(movements, upload(7))
    assert ("photo-7" in str(movements.take())) == shows_ids


def test_nothing_is_kept_while_nobody_watches() -> None:
    movements = Movements(ManualClock(), shows_ids=True)
    go(movements, upload(1))
    movements.watch(True)
    movements.moved(upload(1), "infer")  # it has begun before anybody watched
    assert movements.take()[0] == []


def test_a_photo_is_shown_for_its_whole_way_or_not_at_all() -> None:
    movements = watched(ManualClock())
    for number in range(100):
        go(movements, upload(number))
    moves, share = movements.take()
    assert len(moves) == BURST * (len(STEPS) + 1)
    assert share == BURST / 100


def test_the_share_is_told_for_some_seconds_and_then_forgotten() -> None:
    movements = watched(ManualClock())
    for number in range(100):
        go(movements, upload(number))
    shares = [movements.take()[1] for _ in range(60)]
    assert shares[:20] == pytest.approx([BURST / 100] * 20)
    assert shares[-1] == 1.0


@given(st.lists(st.floats(0, 0.2), min_size=50, max_size=300))
def test_no_more_photos_begin_than_may(gaps: list[float]) -> None:
    clock = ManualClock()
    movements = watched(clock)
    for number, gap in enumerate(gaps):
        clock.seconds += gap
        movements.moved(upload(number), "arrived")
    assert len(movements.take()[0]) <= BURST + NEW * sum(gaps) + 1e-6


def test_what_never_ends_is_forgotten_and_what_nobody_takes_is_bounded() -> None:
    clock = ManualClock()
    movements = watched(clock)
    first = upload(0)
    for number in range(MOST + 2):
        clock.seconds += 1
        movements.moved(upload(number), "arrived")
    assert len(movements.take()[0]) == MOST
    movements.photo(reported(first))
    assert movements.take()[0] == []


def test_the_same_photo_tried_again_is_another_dot() -> None:
    movements = watched(ManualClock())
    again = replace(upload(1), record=1)
    movements.moved(upload(1), "arrived")
    movements.moved(again, "arrived")
    assert [move[0] for move in movements.take()[0]] == [1, 2]
