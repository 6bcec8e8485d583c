"""What a stopping worker gives back while it still receives: never to itself, once, and in time."""

import threading
from contextlib import suppress

import pytest

from tests.support.fakes import Gate, message
from tests.support.waiting import eventually
from tests.unit.intake.source_rig import AnsweringQueue, SourceRig
from worker.errors import ModelError, QueueError, StoppingError
from worker.messages import Message


class LongPoll:
    """A receive in a thread of its own, under way until it is told what it brings."""

    def __init__(self, rig: SourceRig) -> None:
        self.brings: list[Message] = []
        self.error: QueueError | None = None
        self.gate = Gate()
        self.received: list[Message] = []
        rig.queue.receive = self._answer  # type: ignore[method-assign] # this one and no later one
        self._thread = threading.Thread(target=self._run, args=[rig])
        self._thread.start()
        assert self.gate.reached.wait(5)
        rig.queue.receive = AnsweringQueue.receive.__get__(rig.queue)  # type: ignore[method-assign] # as above

    def end(self) -> list[Message]:
        self.gate.open.set()
        self._thread.join(5)
        return self.received

    def _answer(self, most: int) -> list[Message]:
        self.gate()
        if self.error:
            raise self.error
        return self.brings

    def _run(self, rig: SourceRig) -> None:
        with suppress(QueueError):
            self.received = rig.source.receive(10)


def test_what_a_running_worker_gives_back_is_visible_at_once() -> None:
    rig = SourceRig(1)
    poll = LongPoll(rig)
    rig.source.give_back(rig.messages)
    assert rig.queue.hidden == [{0: 0}]
    poll.end()


def test_what_a_stopping_worker_gives_back_waits_until_its_long_poll_has_ended() -> None:
    rig = SourceRig(3)
    poll = LongPoll(rig)
    rig.source.close()
    rig.source.give_back(rig.messages[:1])
    rig.settle(rig.messages[1], error=StoppingError("not started"))
    rig.settle(rig.messages[2], error=ModelError("refused"))
    assert rig.queue.hidden == []
    assert rig.held() == [0, 1, 2]  # their leases go on
    poll.end()
    assert rig.queue.hidden == [{0: 0, 1: 0, 2: 5}]
    assert rig.held() == []


def test_what_one_receiver_brings_waits_for_the_others() -> None:
    rig = SourceRig(0)
    first = LongPoll(rig)
    second = LongPoll(rig)
    rig.source.close()
    first.brings = [message(number=7)]
    rig.source.give_back(first.end())
    assert rig.queue.hidden == []
    second.end()
    assert rig.queue.hidden == [{7: 0}]


def test_a_long_poll_that_fails_holds_nothing_back() -> None:
    rig = SourceRig(1)
    poll = LongPoll(rig)
    rig.source.close()
    rig.source.give_back(rig.messages)
    poll.error = QueueError("no answer")
    poll.end()
    assert rig.queue.hidden == [{0: 0}]


def test_no_receive_begins_once_the_source_is_closed() -> None:
    rig = SourceRig(0)
    rig.source.close()
    rig.queue.waiting = [message(number=1)]
    assert rig.source.receive(10) == []
    assert rig.held() == []
    rig.queue.waiting.clear()


def test_the_last_release_waits_for_nobody_and_happens_once() -> None:
    rig = SourceRig(2)
    poll = LongPoll(rig)
    rig.source.close()
    rig.source.give_back(rig.messages[:1])
    assert rig.source.release_all() == 2
    poll.end()
    assert rig.queue.hidden == [{0: 0, 1: 0}]


@pytest.mark.parametrize("closed", [True, False])
def test_a_wait_for_receives_ends_with_the_last_one(closed: bool) -> None:
    rig = SourceRig(0)
    assert rig.source.wait_for_receives(0.0)
    poll = LongPoll(rig)
    if closed:
        rig.source.close()
    assert not rig.source.wait_for_receives(0.01)
    waiting = threading.Thread(target=lambda: rig.source.wait_for_receives(5.0))
    waiting.start()
    poll.end()
    eventually(lambda: not waiting.is_alive(), patience=2.0)


def test_a_paused_source_begins_no_receive_until_it_is_resumed() -> None:
    rig = SourceRig(0)
    rig.queue.waiting = [message(number=1)]
    rig.source.pause()
    assert rig.source.receive(10) == []
    rig.source.resume()
    assert rig.source.receive(10) == [message(number=1)]


def test_a_closed_source_is_not_opened_by_resume() -> None:
    rig = SourceRig(0)
    rig.queue.waiting = [message(number=1)]
    rig.source.close()
    rig.source.resume()
    assert rig.source.receive(10) == []


def test_a_source_is_idle_once_no_receive_is_under_way_and_nothing_else_is_held() -> None:
    rig = SourceRig(2)
    threading.Timer(0.3, rig.leases.drop, args=[rig.messages]).start()  # a wait without an end would see it
    assert not rig.source.is_idle(rig.messages[:1], 0.001)
    assert rig.source.is_idle(rig.messages, 0.001)
    poll = LongPoll(rig)
    threading.Timer(0.3, poll.end).start()
    assert not rig.source.is_idle(rig.messages, 0.001)
    eventually(lambda: rig.source.is_idle([], 0.001), patience=5.0)


def test_with_no_long_poll_under_way_a_stopping_worker_gives_back_at_once() -> None:
    rig = SourceRig(1)
    rig.source.close()
    rig.source.give_back(rig.messages)
    assert rig.queue.hidden == [{0: 0}]
