"""SIGTERM and SIGINT, once and twice, while idle, under load and while Redis is away.

Expected: photos in work are finished, all others visible again at once, exit code 0; at the deadline
or a second signal, everything is released and the exit code is 3. Guards against: long polls whose
messages stay hidden after a stop, results whose messages are not deleted, leases that end before the
last delete.
"""

import signal
import time

import pytest

from tests.support.faults.fault_rig import FaultRig
from tests.support.waiting import eventually

LATE = 5.0  # seconds after its deadline that the end of a process may take on a busy machine


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_under_load_finishes_what_was_begun_and_returns_the_rest_at_once(
    rig: FaultRig, photo: bytes, number: signal.Signals
) -> None:
    worker = rig.start_worker(visibility_timeout="300")  # nothing comes back by running out
    rig.upload(60, photo)
    rig.wait_for_results(4)
    worker.ask_to_stop(number)
    assert worker.wait() == 0
    assert rig.in_flight() == 0
    assert rig.left() == 60 - len(rig.results())
    assert max(rig.audit.receives.values()) == 1, "it took back what it had returned"
    rig.start_worker()
    rig.account()


def test_what_the_last_long_poll_brings_is_visible_at_once(rig: FaultRig, photo: bytes) -> None:
    worker = rig.start_worker(receive_wait="5", visibility_timeout="300")
    polls = rig.gateway.begun("ReceiveMessage")
    eventually(lambda: rig.gateway.begun("ReceiveMessage") > polls)  # a fresh one, of five seconds
    worker.ask_to_stop()
    worker.wait_for("draining")
    rig.upload(2, photo)
    assert worker.wait() == 0
    assert rig.audit.counts["received"] - 1 > 0, "the long poll brought nothing: the test proves nothing"
    assert rig.in_flight() == 0
    assert rig.results() == {}
    rig.start_worker()
    rig.account()


def test_leases_are_kept_until_the_last_delete(rig: FaultRig, photo: bytes) -> None:
    worker = rig.start_worker()
    rig.wire.set("hang")
    rig.upload(6, photo)
    worker.wait_for("write_failed")
    worker.ask_to_stop()
    worker.wait_for("draining")
    tries = worker.count("write_failed")
    worker.wait_for("write_failed", times=tries + 3)  # seconds: longer than the visibility timeout
    rig.wire.set("open")
    assert worker.wait() == 0
    assert rig.in_flight() == 0
    rig.start_worker()
    rig.account()
    assert rig.audit.counts["redelivered"] == rig.audit.counts["released"]


def test_at_the_deadline_the_rest_is_released_and_the_exit_code_says_so(rig: FaultRig, photo: bytes) -> None:
    worker = rig.start_worker(drain_deadline="10", visibility_timeout="300")
    rig.wire.set("hang")
    rig.upload(6, photo)
    worker.wait_for("write_failed")
    begun = time.monotonic()
    assert worker.stop() == 3
    assert time.monotonic() - begun < 10 + LATE
    assert rig.in_flight() == 0
    assert max(rig.audit.receives.values()) == 1, "it took back what it had released"
    rig.wire.set("open")
    rig.start_worker()
    rig.account()


def test_a_second_signal_releases_and_leaves_at_once(rig: FaultRig, photo: bytes) -> None:
    worker = rig.start_worker(drain_deadline="60", visibility_timeout="300")
    rig.wire.set("hang")
    rig.upload(6, photo)
    worker.wait_for("write_failed")
    worker.ask_to_stop()
    worker.wait_for("draining")
    worker.ask_to_stop()
    assert worker.wait() == 3
    assert rig.in_flight() == 0
    rig.wire.set("open")
    rig.start_worker()
    rig.account()


def test_a_stop_while_it_starts_leaves_the_queue_alone(rig: FaultRig, photo: bytes) -> None:
    rig.upload(3, photo)
    worker = rig.process(engine="tensorflow")  # which takes seconds
    worker.wait_for("warming_up")
    assert worker.stop() == 0
    assert rig.audit.counts["received"] == 0
    rig.start_worker()
    rig.account()
