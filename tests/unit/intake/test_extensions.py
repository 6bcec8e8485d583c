"""How long messages stay hidden while they are in work: extended, lost, held too long, shown again at the end."""

import threading
from collections.abc import Sequence

import pytest

from tests.support.fakes import message
from tests.unit.intake.answering import LONGEST, TIMEOUT, Answer, Bench, for_good, in_passing, not_at_all
from worker.errors import ModelError
from worker.intake.s3_uploads import Refused
from worker.messages import Message

HALF = TIMEOUT / 2


def extended(bench: Bench, seconds: float) -> list[dict[int, int]]:
    """Let time pass and look which leases are due; the calls that were made for them."""
    before = len(bench.queue.hidden)
    bench.clock.seconds += seconds
    bench.source.extend_due()
    return bench.queue.hidden[before:]


def test_what_is_in_work_is_extended_each_time_half_of_its_timeout_has_gone() -> None:
    bench = Bench()
    asked = [extended(bench, seconds) for seconds in (HALF - 1, 1, 1, HALF - 2, 1)]
    assert asked == [[], [{0: TIMEOUT}], [], [], [{0: TIMEOUT}]]
    assert bench.said("leases_extended") == 2


def test_leases_are_extended_ten_a_call() -> None:
    assert [len(ten) for ten in extended(Bench(23), HALF)] == [10, 10, 3]


@pytest.mark.parametrize("answer", [not_at_all, in_passing], ids=["no answer", "refused in passing"])
def test_an_extension_that_fails_is_due_again_soon_and_loses_nothing(answer: Answer) -> None:
    bench = Bench()
    bench.queue.answers = [answer]
    asked = [extended(bench, seconds) for seconds in (HALF, TIMEOUT / 20, TIMEOUT / 20, 1)]
    assert asked == [[{0: TIMEOUT}], [], [{0: TIMEOUT}], []]
    assert bench.held() == [0]
    assert bench.said("lease_lost") == 0


def test_a_call_that_fails_costs_the_other_tens_nothing() -> None:
    bench = Bench(12)
    bench.queue.answers = [not_at_all]
    assert len(extended(bench, HALF)) == 2
    assert [[*call] for call in extended(bench, TIMEOUT / 10)] == [[*range(10)]]


def test_an_extension_refused_for_good_is_a_lost_lease_and_the_message_is_let_alone() -> None:
    bench = Bench(2)
    bench.queue.answers = [lambda two: for_good(two[:1])]
    extended(bench, HALF)
    assert bench.held() == [1]
    assert bench.said("lease_lost") == 1
    bench.settle()
    bench.source.release_all()
    assert bench.queue.deleted == [[1]]
    assert len(bench.queue.hidden) == 1


def test_the_time_an_extension_takes_shortens_the_lease() -> None:
    bench = Bench()

    def after_a_while(_: Sequence[Message]) -> list[Refused]:
        bench.clock.seconds += 3
        return []

    bench.queue.answers = [after_a_while]
    extended(bench, HALF)
    assert extended(bench, HALF - 3 - 1) == []
    assert extended(bench, 1) == [{0: TIMEOUT}]


def test_a_message_released_while_its_extension_is_refused_is_not_called_lost() -> None:
    bench = Bench()

    def settled_meanwhile(messages: Sequence[Message]) -> list[Refused]:
        bench.leases.drop(messages)
        return for_good(messages)

    bench.queue.answers = [settled_meanwhile]
    extended(bench, HALF)
    assert bench.said("lease_lost") == 0


def test_a_message_deleted_while_its_extension_is_refused_is_not_called_lost() -> None:
    bench = Bench()

    def extended_meanwhile(_: Sequence[Message]) -> list[Refused]:
        bench.queue.answers = [for_good]
        extended(bench, HALF)
        return []

    bench.queue.answers = [extended_meanwhile]
    bench.settle()
    assert bench.said("lease_lost") == 0


def test_a_lease_that_was_never_extended_in_time_is_lost_once() -> None:
    bench = Bench()
    assert extended(bench, TIMEOUT) == extended(bench, 1) == []
    assert bench.said("lease_lost") == 1
    assert bench.source.in_flight == 0


def test_what_was_held_for_the_longest_time_is_released_after_its_delay_and_never_deleted() -> None:
    bench = Bench(0)
    bench.receive(message(number=1, receive_count=3))
    for _ in range(int(LONGEST / HALF)):
        extended(bench, HALF)
    assert bench.said("held_too_long") == 0
    assert extended(bench, LONGEST % HALF - 6) == [{1: 20}]  # while the call still arrives
    assert bench.said("held_too_long") == 1
    bench.settle(message(number=1))
    assert bench.queue.deleted == []


def test_the_last_extension_ends_with_the_longest_time() -> None:
    bench = Bench()
    calls = [call[0] for _ in range(int(LONGEST / HALF)) for call in extended(bench, HALF)]
    assert calls == [TIMEOUT, TIMEOUT, TIMEOUT, TIMEOUT, 25, 10]


def test_at_the_end_everything_held_is_shown_at_once_ten_a_call() -> None:
    bench = Bench(12)
    bench.settle(*bench.messages[:1])
    assert bench.source.release_all() == 11
    assert bench.queue.hidden == [dict.fromkeys(range(1, 11), 0), {11: 0}]
    assert bench.source.release_all() == 0
    assert bench.held() == []
    assert bench.said("released") == 11


def test_what_was_given_back_at_the_end_is_not_deleted_by_a_late_outcome() -> None:
    bench = Bench()
    bench.source.release_all()
    bench.settle()
    assert bench.queue.deleted == []


def test_at_the_end_a_queue_that_does_not_answer_is_asked_twice_and_no_more() -> None:
    bench = Bench(12)
    bench.queue.answers = [not_at_all] * 5
    assert bench.source.release_all() == 12
    assert len(bench.queue.hidden) == 2
    assert bench.said("release_given_up") == 12


def test_at_the_end_what_is_lost_is_not_shown() -> None:
    bench = Bench()
    bench.clock.seconds += HALF
    bench.receive(message(number=9))
    bench.clock.seconds += HALF
    assert bench.source.release_all() == 1
    assert bench.queue.hidden == [{9: 0}]
    assert bench.said("lease_lost") == 1


def test_a_release_waits_for_an_extension_under_way_which_would_hide_the_message_once_more() -> None:
    bench = Bench()
    release = threading.Thread(target=lambda: bench.settle(error=ModelError("refused")))
    overtaken: list[bool] = []

    def release_meanwhile(_: Sequence[Message]) -> list[Refused]:
        release.start()
        release.join(0.2)
        overtaken.append(not release.is_alive())
        return []

    bench.queue.answers = [release_meanwhile]
    extended(bench, HALF)
    release.join(10)
    assert overtaken == [False]
    assert bench.queue.hidden == [{0: TIMEOUT}, {0: 5}]


def test_a_message_released_before_the_extension_is_not_hidden_once_more() -> None:
    bench = Bench(2)
    bench.settle(bench.messages[0], error=ModelError("refused"))
    assert extended(bench, HALF) == [{1: TIMEOUT}]
