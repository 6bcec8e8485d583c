"""How a worker is told apart by its state file."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import ManualClock
from worker.health import STARTING_MOST, State, StateFile, is_alive

STALL = 120.0


def state(**changed: Any) -> State:
    """A worker that polls and moved a moment ago."""
    fields = {"pid": 1, "phase": "polling", "at": 1000.0, "in_flight": 0, "ages": {"poll": 0.5, "infer": 0.1}}
    return State(**{**fields, "stall_after": STALL, **changed})


def word(now: float, *, alive: bool = True, **changed: Any) -> str:
    return state(**changed).judge(now, lambda _: alive)[0]


def test_a_worker_that_polls_is_idle_or_busy_by_what_is_in_flight() -> None:
    assert word(1001.0) == "idle"
    assert word(1001.0, in_flight=3) == "busy"


@pytest.mark.parametrize("phase", ["starting", "draining"])
def test_a_worker_that_starts_or_drains_is_said_to(phase: str) -> None:
    assert word(1001.0, phase=phase, in_flight=3) == phase


@pytest.mark.parametrize("phase", ["polling", "draining"])
def test_a_thread_that_has_not_moved_for_too_long_is_named(phase: str) -> None:
    slow = state(phase=phase, ages={"poll": 0.1, "infer-helper-3": STALL + 1})
    assert slow.judge(1001.0, lambda _: True) == ("wedged", "infer-helper-3 has not moved for 122 s")


def test_a_step_that_takes_just_as_long_as_it_may_is_no_reason_to_kill() -> None:
    assert word(1000.0, ages={"infer": STALL}) == "idle"


def test_a_main_thread_that_is_silent_is_wedged() -> None:
    assert word(1000.0 + STALL) == "idle"
    assert word(1000.0 + STALL + 1) == "wedged"


def test_a_start_may_take_longer_but_not_for_ever() -> None:
    assert word(1000.0 + STALL + 1, phase="starting") == "starting"
    assert word(1000.0 + STARTING_MOST + 1, phase="starting") == "wedged"


def test_a_process_that_has_ended_is_gone() -> None:
    assert word(1001.0, alive=False) == "gone"


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    clock, path = ManualClock(), tmp_path / "state.json"
    StateFile(path, clock, STALL).write("polling", 7, {"poll": 0.25})
    assert State.read(path) == State(os.getpid(), "polling", clock.seconds, 7, {"poll": 0.25}, STALL)
    assert list(tmp_path.iterdir()) == [path]


def test_it_is_written_once_a_second_and_at_each_change_of_phase(tmp_path: Path) -> None:
    clock, path = ManualClock(), tmp_path / "state.json"
    file = StateFile(path, clock, STALL)
    seen = []
    for passed, phase in [(0.0, "polling"), (0.9, "polling"), (0.1, "polling"), (0.1, "draining")]:
        clock.seconds += passed
        file.write(phase)  # type: ignore[arg-type] # mypy takes the words of a list for any text
        seen.append(json.loads(path.read_text())["at"])
    assert seen == [1000.0, 1000.0, 1001.0, 1001.1]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}', '{"another": "file"}', "null"])
def test_a_file_of_another_kind_is_none_of_ours(tmp_path: Path, text: str) -> None:
    path = tmp_path / "state.json"
    path.write_text(text)
    assert State.read(path) is None
    assert State.read(tmp_path / "missing") is None


def test_a_file_that_is_gone_already_is_removed_without_harm(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "state.json", ManualClock(), STALL)
    file.write("polling")
    file.remove()
    file.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_process_is_alive_while_it_runs() -> None:
    assert is_alive(os.getpid())
    assert is_alive(1)
    assert not is_alive(2**22 + 1)  # beyond the kernel's largest process id
