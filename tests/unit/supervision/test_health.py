"""The state file, and what `python -m worker health` reports from it."""

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path

import pytest

from tests.support import ROOT
from tests.support.fakes import ManualClock
from tests.support.waiting import PATIENCE
from worker.supervision.health import START_TIMEOUT, WRITE_INTERVAL, Phase, State, StateFile, is_alive

STALL_AFTER = 60.0
NOW = 1000.0


def state(
    phase: Phase = "polling",
    *,
    at: float = NOW,
    in_flight: int = 0,
    ages: dict[str, float] | None = None,
    pid: int = os.getpid(),
    outages: dict[str, float] | None = None,
) -> State:
    return State(pid, phase, at, in_flight, ages or {}, STALL_AFTER, outages or {})


def judge(what: State, *, alive: bool = True) -> tuple[str, str]:
    return what.judge(NOW, lambda _: alive)


def file_in(folder: Path) -> tuple[StateFile, ManualClock, Path]:
    clock, path = ManualClock(), folder / "state.json"
    return StateFile(path, clock, STALL_AFTER), clock, path


def read(path: Path) -> State:
    found = State.read(path)
    assert found is not None
    return found


# The state in one word


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
        (state("starting", at=NOW - START_TIMEOUT), "starting"),
        (state("starting", at=NOW - START_TIMEOUT - 1), "wedged"),
    ],
    ids=[
        "loading models",
        "nothing to do",
        "something in flight",
        "stopping, all done",
        "stopping, with work left",
        "slow but within the limit",
        "a thread hangs",
        "a thread hangs in the drain",
        "the main thread hangs",
        "a long start",
        "a start that hangs",
    ],
)
def test_the_state_is_one_word(what: State, word: str) -> None:
    assert judge(what)[0] == word


@pytest.mark.parametrize("phase", ["starting", "polling", "draining"])
def test_a_worker_without_a_process_is_gone_in_every_phase(phase: Phase) -> None:
    assert judge(state(phase, pid=77), alive=False) == ("gone", "process 77 has ended")


def test_the_thread_that_hangs_is_named() -> None:
    word, why = judge(state(ages={"poll": 61.0, "infer-helper-3": 90.0}, at=NOW - 10))
    assert (word, why) == ("wedged", "infer-helper-3 has not moved for 100 s")


def test_a_main_thread_that_hangs_is_named() -> None:
    assert judge(state(at=NOW - 75)) == ("wedged", "the main thread has not moved for 75 s")


def test_a_healthy_worker_reports_messages_in_flight_and_its_slowest_thread() -> None:
    _, text = judge(state(in_flight=3, ages={"poll": 4.2, "commit": 0.1}))
    assert text == "3 in flight; slowest: poll, 4.2 s"


def test_what_fails_is_named_with_how_long_it_has_failed() -> None:
    word, text = judge(state(in_flight=3, ages={"poll": 4.2}, outages={"Redis": 42.4, "S3": 1.0}))
    assert word == "busy"
    assert text == "3 in flight; slowest: poll, 4.2 s; Redis has failed for 42 s; S3 has failed for 1 s"


# The file


def test_a_written_state_is_read_back(tmp_path: Path) -> None:
    file, clock, path = file_in(tmp_path)
    file.write("polling", 3, {"poll": 0.5}, {"S3": 2.0})
    written = State(os.getpid(), "polling", clock.seconds, 3, {"poll": 0.5}, STALL_AFTER, {"S3": 2.0})
    assert State.read(path) == written


def test_a_state_that_an_older_version_wrote_is_read(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_text(json.dumps({name: value for name, value in asdict(state()).items() if name != "outages"}))
    assert State.read(path) == state()


def test_the_file_is_written_at_most_once_a_second(tmp_path: Path) -> None:
    file, clock, path = file_in(tmp_path)
    file.write("polling", 1)
    clock.seconds += WRITE_INTERVAL / 2
    file.write("polling", 2)
    assert read(path).in_flight == 1
    clock.seconds += WRITE_INTERVAL / 2
    file.write("polling", 3)
    assert read(path).in_flight == 3


def test_a_new_phase_is_written_at_once(tmp_path: Path) -> None:
    file, _, path = file_in(tmp_path)
    phases: list[Phase] = ["starting", "polling", "draining"]
    for phase in phases:
        file.write(phase)
        assert read(path).phase == phase


def test_a_reader_never_sees_a_partial_file(tmp_path: Path) -> None:
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


def test_a_folder_that_is_not_writable_raises_os_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="no-such-folder"):
        StateFile(tmp_path / "no-such-folder" / "state.json", ManualClock(), STALL_AFTER).write("polling")


def test_a_write_that_fails_leaves_nothing_behind_and_keeps_the_last_state(tmp_path: Path) -> None:
    """A child process may write no file beyond a few bytes: its disk is full."""
    file, _, path = file_in(tmp_path)
    file.write("polling", in_flight=3)
    done = subprocess.run(
        [sys.executable, "-c", ON_A_FULL_DISK, str(path)], cwd=ROOT, timeout=PATIENCE, check=False
    )
    assert (done.returncode, list(tmp_path.iterdir())) == (0, [path])
    assert read(path).in_flight == 3


ON_A_FULL_DISK = """
import resource, sys
from pathlib import Path
from worker.supervision.health import StateFile

resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))
for phase in ("polling", "draining", "polling"):
    try:
        StateFile(Path(sys.argv[1]), lambda: 0.0, 60.0).write(phase)
    except OSError:
        continue
    sys.exit("the disk is not full: the test proves nothing")
"""


def test_the_file_is_removed_and_a_missing_file_is_no_error(tmp_path: Path) -> None:
    file, _, path = file_in(tmp_path)
    file.write("polling")
    file.remove()
    assert not path.exists()
    file.remove()


@pytest.mark.parametrize(
    "foreign",
    [b"", b"{", b"\xff\xfe", b"[]", b"7", b"null", b'{"pid": 1}', b'{"colour": "red"}'],
    ids=["empty", "cut short", "no text", "a list", "a number", "null", "incomplete", "another program's"],
)
def test_a_file_that_is_no_state_file_means_no_worker(tmp_path: Path, foreign: bytes) -> None:
    path = tmp_path / "state.json"
    path.write_bytes(foreign)
    assert State.read(path) is None


def test_no_file_or_a_folder_in_its_place_means_no_worker(tmp_path: Path) -> None:
    assert State.read(tmp_path / "state.json") is None
    assert State.read(tmp_path) is None


def test_a_process_is_alive_until_it_has_ended() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert is_alive(child.pid)
    assert not is_alive(child.pid)


# The command


def health(path: Path) -> tuple[int, str]:
    """Run the check as ECS does, without other settings; returns exit code and word."""
    done = subprocess.run(
        [sys.executable, "-m", "worker", "health"],
        env={**os.environ, "WORKER_STATE_FILE": str(path)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.stderr == ""
    return done.returncode, done.stdout.partition(":")[0]


def test_the_command_reports_gone_and_exits_with_1_without_a_file(tmp_path: Path) -> None:
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
def test_the_command_exits_with_1_only_for_a_wedged_worker(
    tmp_path: Path, phase: Phase, age: float, expected: tuple[int, str]
) -> None:
    path = tmp_path / "state.json"
    path.write_text(json.dumps(asdict(state(phase, at=time.monotonic() - age))))
    assert health(path) == expected


def test_the_command_reads_the_file_of_a_worker_on_this_machine(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    StateFile(path, time.monotonic, STALL_AFTER).write("polling", in_flight=2)
    assert health(path) == (0, "busy")
