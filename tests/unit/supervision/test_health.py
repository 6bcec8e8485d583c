"""How the state file tells what a worker does, and what `python -m worker health` makes of it."""

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path

import pytest

from tests.support.fakes import ManualClock
from tests.support.stand import PATIENCE, ROOT
from worker.supervision.health import EVERY, STARTING_MOST, Phase, State, StateFile, is_alive

STALL_AFTER = 60.0
NOW = 1000.0


def state(
    phase: Phase = "polling",
    *,
    at: float = NOW,
    in_flight: int = 0,
    ages: dict[str, float] | None = None,
    pid: int = os.getpid(),
) -> State:
    return State(pid, phase, at, in_flight, ages or {}, STALL_AFTER)


def judged(what: State, *, alive: bool = True) -> tuple[str, str]:
    return what.judge(NOW, lambda _: alive)


def file_in(folder: Path) -> tuple[StateFile, ManualClock, Path]:
    clock, path = ManualClock(), folder / "state.json"
    return StateFile(path, clock, STALL_AFTER), clock, path


def written(path: Path) -> State:
    found = State.read(path)
    assert found is not None
    return found


# each word


@pytest.mark.parametrize(
    ("what", "word"),
    [
        (state("starting"), "starting"),
        (state("polling"), "idle"),
        (state("polling", in_flight=1), "busy"),
        (state("draining"), "draining"),
        (state("draining", in_flight=5), "draining"),
        (state(ages={"poll": STALL_AFTER, "infer": 1.0}, at=NOW - STALL_AFTER), "idle"),
        (state(ages={"poll": 0.1, "infer": STALL_AFTER + 1}), "wedged"),
        (state("draining", ages={"commit": STALL_AFTER + 1}), "wedged"),
        (state(at=NOW - STALL_AFTER - 1), "wedged"),
        (state("starting", at=NOW - STARTING_MOST), "starting"),
        (state("starting", at=NOW - STARTING_MOST - 1), "wedged"),
    ],
    ids=[
        "models are loaded",
        "nothing to do",
        "something in flight",
        "stopping, all done",
        "stopping, with work left",
        "slow, but no slower than allowed",
        "a thread stands still",
        "a thread stands still at the stop",
        "the main thread stands still",
        "a long start",
        "a start that hangs",
    ],
)
def test_a_worker_is_told_by_one_word(what: State, word: str) -> None:
    assert judged(what)[0] == word


@pytest.mark.parametrize("phase", ["starting", "polling", "draining"])
def test_a_worker_whose_process_has_ended_is_gone_whatever_it_said_last(phase: Phase) -> None:
    assert judged(state(phase, pid=77), alive=False) == ("gone", "process 77 has ended")


def test_the_thread_that_stands_still_is_named() -> None:
    word, why = judged(state(ages={"poll": 61.0, "infer-helper-3": 90.0}, at=NOW - 10))
    assert (word, why) == ("wedged", "infer-helper-3 has not moved for 100 s")


def test_a_main_thread_that_is_silent_is_named() -> None:
    assert judged(state(at=NOW - 75)) == ("wedged", "the main thread has not moved for 75 s")


def test_a_healthy_worker_says_what_it_has_in_flight_and_its_slowest_thread() -> None:
    assert (
        judged(state(in_flight=3, ages={"poll": 4.2, "commit": 0.1}))[1]
        == "3 in flight; slowest: poll, 4.2 s"
    )


# the file


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    file, clock, path = file_in(tmp_path)
    file.write("polling", 3, {"poll": 0.5})
    assert State.read(path) == State(os.getpid(), "polling", clock.seconds, 3, {"poll": 0.5}, STALL_AFTER)


def test_the_file_is_written_at_most_once_a_second(tmp_path: Path) -> None:
    file, clock, path = file_in(tmp_path)
    file.write("polling", 1)
    clock.seconds += EVERY / 2
    file.write("polling", 2)
    assert written(path).in_flight == 1
    clock.seconds += EVERY / 2
    file.write("polling", 3)
    assert written(path).in_flight == 3


def test_a_new_phase_is_written_at_once(tmp_path: Path) -> None:
    file, _, path = file_in(tmp_path)
    phases: list[Phase] = ["starting", "polling", "draining"]
    for phase in phases:
        file.write(phase)
        assert written(path).phase == phase


def test_who_reads_while_the_file_is_written_finds_it_whole(tmp_path: Path) -> None:
    file, _, path = file_in(tmp_path)
    many = {f"infer-helper-{n}": 0.0 for n in range(2000)}
    file.write("starting")

    def write() -> None:
        for _ in range(50):
            file.write("polling", ages=many)
            file.write("draining", ages=many)

    writer = threading.Thread(target=write)
    writer.start()
    while writer.is_alive():
        assert State.read(path) is not None
    writer.join(PATIENCE)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_folder_that_cannot_be_written_is_an_error_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="no-such-folder"):
        StateFile(tmp_path / "no-such-folder" / "state.json", ManualClock(), STALL_AFTER).write("polling")


def test_at_the_end_the_file_is_removed_and_no_file_to_remove_is_no_error(tmp_path: Path) -> None:
    file, _, path = file_in(tmp_path)
    file.write("polling")
    file.remove()
    assert not path.exists()
    file.remove()


@pytest.mark.parametrize(
    "foreign",
    [b"", b"{", b"\xff\xfe", b"[]", b"7", b"null", b'{"pid": 1}', b'{"colour": "red"}'],
    ids=["empty", "cut short", "no text", "a list", "a number", "null", "a part", "another's"],
)
def test_a_file_that_is_none_of_ours_tells_of_no_worker(tmp_path: Path, foreign: bytes) -> None:
    path = tmp_path / "state.json"
    path.write_bytes(foreign)
    assert State.read(path) is None


def test_no_file_and_a_folder_in_its_place_tell_of_no_worker(tmp_path: Path) -> None:
    assert State.read(tmp_path / "state.json") is None
    assert State.read(tmp_path) is None


def test_a_process_is_alive_until_it_has_ended() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert is_alive(child.pid)
    assert not is_alive(child.pid)


# the command


def health(path: Path) -> tuple[int, str]:
    """Ask as ECS does, with no other setting: the exit code, and the word."""
    asked = subprocess.run(
        [sys.executable, "-m", "worker", "health"],
        env={**os.environ, "WORKER_STATE_FILE": str(path)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert asked.stderr == ""
    return asked.returncode, asked.stdout.partition(":")[0]


def test_the_command_says_gone_and_exits_with_1_when_nobody_writes_the_file(tmp_path: Path) -> None:
    assert health(tmp_path / "state.json") == (1, "gone")


@pytest.mark.parametrize(
    ("phase", "age", "expected"),
    [
        ("starting", 0.0, (0, "starting")),
        ("polling", 0.0, (0, "idle")),
        ("draining", 0.0, (0, "draining")),
        ("polling", STALL_AFTER + 1, (1, "wedged")),
    ],
)
def test_the_command_exits_with_1_only_for_a_worker_in_trouble(
    tmp_path: Path, phase: Phase, age: float, expected: tuple[int, str]
) -> None:
    path = tmp_path / "state.json"
    path.write_text(json.dumps(asdict(state(phase, at=time.monotonic() - age))))
    assert health(path) == expected


def test_the_command_reads_what_a_worker_of_this_machine_writes(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    StateFile(path, time.monotonic, STALL_AFTER).write("polling", in_flight=2)
    assert health(path) == (0, "busy")
