"""A worker that was asked to end is replaced; one that ends by itself ends it all; an interrupt leaves none behind."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from localstack.playground import workers as module
from localstack.playground.workers import Workers
from localstack.services import ServicesError
from localstack.worker_process import WorkerProcess
from tests.support.waiting import eventually

STAYS = "import time; print('| polling', flush=True); time.sleep(600)"
LEAVES = "raise SystemExit(7)"
COMES_AND_GOES = "print('| polling', flush=True); raise SystemExit(7)"


class Shift:
    """Workers that run these programs in turn, the last one again and again."""

    def __init__(self, folder: Path, *programs: str) -> None:
        self.programs = list(programs)
        self.started: list[WorkerProcess] = []
        self.told: list[str] = []
        self.workers = Workers(
            folder, self.start, self.started.append, lambda state, _: self.told.append(state)
        )

    def start(self, log: Path) -> WorkerProcess:
        program = self.programs.pop(0) if len(self.programs) > 1 else self.programs[0]
        return WorkerProcess(log, program=program)


MakeShift = Callable[..., Shift]


@pytest.fixture
def shift(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeShift]:
    made: list[Shift] = []
    monkeypatch.setattr(module, "PAUSE", 0.0)

    def make(*programs: str) -> Shift:
        made.append(Shift(tmp_path, *programs))
        return made[-1]

    yield make
    for one in made:
        one.workers.stop()
        assert all(worker.has_ended() for worker in one.started)


@pytest.mark.parametrize(
    ("number", "state"), [(signal.SIGKILL, "away"), (signal.SIGTERM, "stopping")], ids=["kill", "stop"]
)
def test_one_that_was_asked_to_end_is_replaced(number: signal.Signals, state: str, shift: MakeShift) -> None:
    made = shift(STAYS, COMES_AND_GOES)
    made.workers.start()
    made.workers.say_up()
    assert made.workers.is_up
    made.workers.end(number)
    assert made.workers.watch() == 7  # of the second one, which went by itself
    assert made.told == ["starting", "up", state, "starting", "up"]
    assert [worker.log.name for worker in made.started] == ["worker.log", "worker-2.log"]


def test_one_that_ends_by_itself_is_not(shift: MakeShift) -> None:
    made = shift(COMES_AND_GOES)
    made.workers.start()
    assert made.workers.watch() == 7
    assert len(made.started) == 1


def test_the_first_one_must_come_up(shift: MakeShift) -> None:
    made = shift(LEAVES, STAYS)
    with pytest.raises(ServicesError, match="exit code 7"):
        made.workers.start()


def test_a_replacement_that_fails_to_start_is_replaced_again(shift: MakeShift) -> None:
    made = shift(STAYS, LEAVES, LEAVES, COMES_AND_GOES)
    made.workers.start()
    made.workers.say_up()
    made.workers.end(signal.SIGKILL)
    assert made.workers.watch() == 7
    assert len(made.started) == 4
    assert made.told.count("up") == 2


def test_but_not_for_ever(shift: MakeShift) -> None:
    made = shift(STAYS, LEAVES)
    made.workers.start()
    made.workers.say_up()
    made.workers.end(signal.SIGKILL)
    with pytest.raises(ServicesError, match="exit code 7"):
        made.workers.watch()
    assert len(made.started) == 1 + module.TRIES


def test_one_is_not_asked_twice_nor_before_it_is_up(shift: MakeShift) -> None:
    made = shift(STAYS)
    made.workers.end(signal.SIGKILL)
    made.workers.start()
    made.workers.end(signal.SIGKILL)
    made.workers.say_up()
    made.workers.end(signal.SIGKILL)
    made.workers.end(signal.SIGTERM)
    assert made.told == ["starting", "up", "away"]


def test_an_interrupt_while_one_is_started_leaves_none_behind(shift: MakeShift, tmp_path: Path) -> None:
    made = shift(STAYS)

    def start_and_interrupt(log: Path) -> WorkerProcess:
        os.kill(os.getpid(), signal.SIGINT)
        return WorkerProcess(log, program=STAYS)

    made.workers = Workers(tmp_path, start_and_interrupt, made.started.append, lambda *_: None)
    with pytest.raises(KeyboardInterrupt):
        made.workers.start()
    (worker,) = made.started
    made.workers.stop()
    assert worker.has_ended()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupt_while_one_is_replaced_ends_the_wait(shift: MakeShift) -> None:
    made = shift(STAYS, "import time; time.sleep(600)")
    made.workers.start()
    made.workers.say_up()
    made.workers.end(signal.SIGKILL)

    def interrupt() -> None:
        with suppress(AssertionError):
            eventually(lambda: len(made.started) == 2)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        made.workers.watch()
