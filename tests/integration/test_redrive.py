"""Tests of moving dead letters back on a real queue.

LocalStack moves letters one by one at the given rate, reports progress, and cancels. It enforces no rights, so it
cannot show that the caller needs those to receive, delete and send.
"""

import signal

import pytest

from tests.support import photos
from tests.support.dead_letters import bury, upload
from tests.support.rig import Rig
from tests.support.waiting import eventually


def test_letters_that_are_moved_back_are_scored(rig: Rig) -> None:
    bury(rig, *(upload(rig, photos.coffee()) for _ in range(3)))
    code, _, err = rig.run("dead-letters", "redrive", "--wait", "--rate", "100")
    assert code == 0, err
    assert "moved 3" in err
    assert (rig.left(), rig.left(rig.dead_url)) == (3, 0)
    with rig.worker():
        eventually(lambda: len(rig.stored()) == 3, rig.counts)
        rig.settles()


@pytest.mark.parametrize("end", ["cancel", "interrupt"])
def test_a_move_keeps_its_rate_can_be_cancelled_and_outlives_the_command(rig: Rig, end: str) -> None:
    """At one a second, twenty letters take long enough to look at a running move."""
    bury(rig, *(f"letter {number}" for number in range(20)))
    first = rig.process("dead-letters", "redrive", "--rate", "1", "--wait")
    eventually(lambda: rig.left() > 0, rig.counts)
    code, _, err = rig.run("dead-letters", "redrive", "--no-wait")
    assert code == 1
    assert "a move is running already" in err
    assert "of 20 moved, 1 a second" in err
    if end == "interrupt":
        first.ask_to_stop(signal.SIGINT)
        assert first.wait() == 130
        assert "the move goes on" in first.output()
        moved = rig.left()
        eventually(lambda: rig.left() > moved, rig.counts)
    code, _, err = rig.run("dead-letters", "cancel")
    assert (code, "cancelled after" in err) == (0, True)
    if end == "cancel":
        assert first.wait() == 1
        assert "the move ended as CANCELLED" in first.output()
    eventually(lambda: rig.left() + rig.left(rig.dead_url) == 20, rig.counts)
    assert 0 < rig.left() < 20
    assert "Traceback" not in first.output()


def test_without_a_move_there_is_nothing_to_cancel(rig: Rig) -> None:
    code, _, err = rig.run("dead-letters", "cancel")
    assert (code, "no move is running" in err) == (0, True)


def test_a_letter_that_somebody_put_there_fails_the_move_and_is_reported(rig: Rig) -> None:
    """SQS does not know where it came from. On AWS the reason has another name."""
    rig.sqs.send_message(QueueUrl=rig.dead_url, MessageBody="by hand")
    code, _, err = rig.run("dead-letters", "redrive", "--wait")
    assert code == 1
    assert "the move ended as FAILED: " in err
    assert rig.left(rig.dead_url) == 1
