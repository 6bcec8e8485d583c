"""One thing beside others: its result, its error, and nobody who waits for it."""

import threading

import pytest

from tests.support.waiting import PATIENCE, eventually
from worker.errors import ConfigurationError
from worker.pipeline.beside import Beside
from worker.pipeline.queues import ShutDown


def test_the_result_is_waited_for_and_checkpoints_go_on() -> None:
    go, checked = threading.Event(), list[int]()

    def checkpoint() -> None:
        checked.append(1)
        go.set()

    assert Beside(lambda: go.wait(PATIENCE), "slow").result(checkpoint)
    assert checked


def test_its_error_is_raised_as_soon_as_somebody_checks_and_by_the_result() -> None:
    def fail() -> None:
        raise ConfigurationError("Redis cannot be reached")

    beside = Beside(fail, "fails")

    def has_failed() -> bool:
        try:
            beside.check()
        except ConfigurationError:
            return True
        return False

    eventually(has_failed)
    with pytest.raises(ConfigurationError, match="Redis cannot be reached"):
        beside.result()


def test_a_stop_does_not_wait_for_it() -> None:
    hangs = threading.Event()

    def stop() -> None:
        raise ShutDown

    beside = Beside(lambda: hangs.wait(PATIENCE), "hangs")
    with pytest.raises(ShutDown):
        beside.result(stop)
    assert not hangs.is_set()
    hangs.set()
    assert beside.result()
