"""Leases on messages in flight: when they are due, when they end, and with which verdict."""

import threading
from dataclasses import replace
from itertools import permutations

import pytest

from tests.support.fakes import ManualClock, message
from worker.errors import Verdict
from worker.intake.leases import Leases

TIMEOUT = 30.0
LONGEST = 300.0


def held(*numbers: int, records: int = 1) -> tuple[Leases, ManualClock]:
    clock = ManualClock()
    leases = Leases(TIMEOUT, LONGEST, clock)
    leases.hold((message(number=number, records=records) for number in numbers), since=clock.seconds)
    return leases, clock


def due(leases: Leases) -> list[str]:
    return [m.message_id for m, _ in leases.due()]


def outstanding(leases: Leases) -> list[str]:
    return [m.message_id for m in leases.outstanding()]


def test_a_lease_is_due_at_half_its_timeout() -> None:
    leases, clock = held(1)
    clock.seconds += TIMEOUT / 2 - 0.001
    assert due(leases) == []
    clock.seconds += 0.001
    assert due(leases) == ["message-1"]


def test_a_lease_counts_from_before_its_receive() -> None:
    leases, clock = held()
    asked = clock.seconds
    clock.seconds += TIMEOUT
    leases.hold([message(number=1)], since=asked)
    assert not leases.holds(message(number=1))
    assert leases.lost() == [message(number=1)]


def test_an_extended_lease_is_due_again_at_half_its_new_time() -> None:
    leases, clock = held(1)
    clock.seconds += TIMEOUT - 5
    assert leases.due() == [(message(number=1), TIMEOUT)]
    leases.note_extension(message(number=1), TIMEOUT, since=clock.seconds)
    clock.seconds += TIMEOUT / 2 - 0.001
    assert due(leases) == []
    clock.seconds += 0.001
    assert due(leases) == ["message-1"]


def test_after_a_failed_extension_a_lease_is_due_again_soon_but_not_at_once() -> None:
    leases, clock = held(1)
    clock.seconds += TIMEOUT / 2
    assert due(leases) == ["message-1"]
    assert due(leases) == []
    clock.seconds += TIMEOUT / 10
    assert due(leases) == ["message-1"]


def test_a_lease_is_lost_shortly_before_it_ends() -> None:
    leases, clock = held(1)
    clock.seconds += TIMEOUT - 4 - 0.001
    assert leases.lost() == []
    clock.seconds += 0.001
    assert leases.lost() == [message(number=1)]
    assert outstanding(leases) == []
    assert leases.settle_record(message(number=1), Verdict.ACKNOWLEDGE) is None


def test_an_extended_lease_counts_from_before_the_call() -> None:
    leases, clock = held(1)
    clock.seconds += TIMEOUT / 2
    before = clock.seconds
    clock.seconds += 3  # the call took so long
    leases.note_extension(message(number=1), TIMEOUT, since=before)
    clock.seconds = before + TIMEOUT - 4
    assert leases.lost() == [message(number=1)]


def test_a_lease_is_never_extended_beyond_the_longest_time() -> None:
    leases, clock = held(1)
    start = clock.seconds
    for _ in range(1000):
        clock.seconds += 1
        for received, seconds in leases.due():
            assert clock.seconds + seconds <= start + LONGEST + 1  # SQS takes whole seconds
            leases.note_extension(received, seconds, since=clock.seconds)
        if leases.over():
            break
        assert leases.lost() == []
    assert start + LONGEST - 8 <= clock.seconds < start + LONGEST
    assert outstanding(leases) == []


def test_a_message_received_again_is_no_longer_held_under_its_old_receipt_handle() -> None:
    leases, clock = held(1)
    again = replace(message(number=1), receipt_handle="another")
    assert leases.hold([again], since=clock.seconds) == [message(number=1)]
    assert leases.settle_record(message(number=1), Verdict.ACKNOWLEDGE) is None
    assert leases.drop([message(number=1)]) == []
    assert leases.settle_record(again, Verdict.ACKNOWLEDGE) is Verdict.ACKNOWLEDGE


def test_leases_are_due_by_their_own_receive() -> None:
    leases, clock = held(1)
    clock.seconds += 10
    leases.hold([message(number=2)], since=clock.seconds)
    clock.seconds += 5
    assert due(leases) == ["message-1"]
    leases.note_extension(message(number=1), TIMEOUT, since=clock.seconds)
    clock.seconds += 10
    assert due(leases) == ["message-2"]


def test_a_settled_message_is_neither_due_nor_outstanding() -> None:
    leases, clock = held(1, 2)
    assert leases.settle_record(message(number=1), Verdict.ACKNOWLEDGE) is Verdict.ACKNOWLEDGE
    assert outstanding(leases) == ["message-1", "message-2"]  # the call that deletes it takes its time
    leases.drop([message(number=1)])
    clock.seconds += TIMEOUT
    assert due(leases) == ["message-2"]
    assert outstanding(leases) == ["message-2"]


def test_a_message_is_settled_with_the_last_of_its_records() -> None:
    leases, _ = held(1)
    received = message(number=1, records=3)  # how many there are is known once the body is read
    assert leases.settle_record(received, Verdict.ACKNOWLEDGE) is None
    assert leases.settle_record(received, Verdict.ACKNOWLEDGE) is None
    assert leases.settle_record(received, Verdict.ACKNOWLEDGE) is Verdict.ACKNOWLEDGE


@pytest.mark.parametrize("order", list(permutations(Verdict)))
def test_the_gravest_verdict_wins_in_any_order(order: tuple[Verdict, ...]) -> None:
    leases, _ = held(1, records=len(order))
    verdicts = [leases.settle_record(message(number=1, records=len(order)), verdict) for verdict in order]
    assert verdicts == [None] * (len(order) - 1) + [Verdict.LEAVE]


def test_a_release_outranks_an_acknowledgement() -> None:
    leases, _ = held(1)
    received = message(number=1, records=2)
    leases.settle_record(received, Verdict.RELEASE)
    assert leases.settle_record(received, Verdict.ACKNOWLEDGE) is Verdict.RELEASE


def test_a_message_is_settled_once() -> None:
    leases, _ = held(1)
    assert leases.settle_record(message(number=1), Verdict.RELEASE) is Verdict.RELEASE
    assert leases.settle_record(message(number=1), Verdict.ACKNOWLEDGE) is None


def being_settled() -> tuple[Leases, ManualClock]:
    """Message 1 is in work; message 2 is being settled, and has been reported once more since."""
    leases, clock = held(1, 2)
    leases.settle_record(message(number=2), Verdict.ACKNOWLEDGE)
    assert leases.settle_record(message(number=2), Verdict.RELEASE) is None
    return leases, clock


def test_what_is_being_settled_is_not_held_too_long() -> None:
    leases, clock = being_settled()
    for number in (1, 2):
        leases.note_extension(message(number=number), TIMEOUT, since=clock.seconds + LONGEST - TIMEOUT)
    clock.seconds += LONGEST - 8
    assert leases.over() == [message(number=1)]
    assert outstanding(leases) == ["message-2"]


def test_of_leases_that_are_gone_those_being_settled_are_nobodys_loss() -> None:
    leases, _ = being_settled()
    both = [message(number=1), message(number=2)]
    assert leases.lose([*both, message(number=3)]) == [message(number=1)]
    assert outstanding(leases) == ["message-2"]


def test_a_message_that_is_not_held_is_not_settled() -> None:
    leases, _ = held()
    assert leases.settle_record(message(number=1), Verdict.ACKNOWLEDGE) is None


def test_a_dropped_lease_is_over_and_dropping_it_again_does_no_harm() -> None:
    leases, clock = held(1, 2)
    leases.drop([message(number=1), message(number=3)])
    leases.drop([message(number=1)])
    clock.seconds += TIMEOUT
    assert due(leases) == ["message-2"]
    assert outstanding(leases) == ["message-2"]
    assert leases.settle_record(message(number=1), Verdict.ACKNOWLEDGE) is None


def test_a_message_received_again_gets_a_new_lease() -> None:
    leases, clock = held(1)
    received = message(number=1, records=2)
    leases.settle_record(received, Verdict.LEAVE)
    clock.seconds += 10
    leases.hold([received], since=clock.seconds)
    clock.seconds += 10
    assert due(leases) == []
    assert leases.settle_record(received, Verdict.ACKNOWLEDGE) is None
    assert leases.settle_record(received, Verdict.ACKNOWLEDGE) is Verdict.ACKNOWLEDGE


def test_among_many_threads_exactly_one_record_settles_the_message() -> None:
    leases, _ = held(1)
    received = message(number=1, records=80)
    answers: list[Verdict | None] = []
    start = threading.Barrier(8)

    def settle() -> None:
        start.wait(10)
        answers.extend(leases.settle_record(received, Verdict.ACKNOWLEDGE) for _ in range(10))

    threads = [threading.Thread(target=settle) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert answers.count(Verdict.ACKNOWLEDGE) == 1
    assert answers.count(None) == 79


def test_a_short_timeout_has_a_shorter_safety() -> None:
    clock = ManualClock()
    leases = Leases(8.0, LONGEST, clock)
    leases.hold([message()], since=clock.seconds)
    clock.seconds += 5.999
    assert leases.holds(message())
    clock.seconds += 0.001
    assert not leases.holds(message())


def test_the_last_extension_is_a_second_and_none_comes_after_it() -> None:
    leases, clock = held(1)
    start = clock.seconds
    leases.note_extension(message(number=1), TIMEOUT, since=start + LONGEST - TIMEOUT)
    clock.seconds = start + LONGEST - 0.5
    assert leases.due() == [(message(number=1), 1)]
    leases.note_extension(message(number=1), TIMEOUT, since=start + LONGEST - TIMEOUT)
    clock.seconds = start + LONGEST
    assert leases.due() == []


def test_a_lease_at_its_longest_is_over_at_the_very_moment() -> None:
    leases, clock = held(1)
    leases.note_extension(message(number=1), TIMEOUT, since=clock.seconds + LONGEST - TIMEOUT)
    clock.seconds += LONGEST - 8.001
    assert leases.over() == []
    clock.seconds += 0.001
    assert leases.over() == [message(number=1)]


def test_a_lost_lease_is_not_over_too() -> None:
    leases, clock = held(1)
    clock.seconds += LONGEST
    assert leases.over() == []
    assert leases.lost() == [message(number=1)]


def test_a_wait_until_nothing_else_is_held_ends_with_the_last_of_the_others() -> None:
    leases, _ = held(1, 2)
    ours = [message(number=1)]
    threading.Timer(0.2, leases.drop, args=[[message(number=2)]]).start()
    assert not leases.wait_until_only(ours, timeout=0.001)
    assert leases.wait_until_only(ours, timeout=10.0)
    assert leases.wait_until_only(ours, timeout=0.0)
    assert outstanding(leases) == ["message-1"]
