"""How long messages in work stay hidden: extended, lost, held too long, visible again at the end."""

import threading
from collections.abc import Sequence

import pytest

from tests.support.fakes import message
from tests.unit.intake.source_rig import LONGEST, TIMEOUT, Answer, SourceRig, for_good, in_passing, not_at_all
from worker.errors import ModelError
from worker.intake.extensions import EXTENDING
from worker.intake.queue_calls import Refused
from worker.messages import Message

HALF = TIMEOUT / 2


def extend_after(rig: SourceRig, seconds: float) -> list[dict[int, int]]:
    """Let time pass and extend the leases that are due. Returns the calls made for them."""
    before = len(rig.queue.hidden)
    rig.clock.seconds += seconds
    rig.source.extend_due()
    return rig.queue.hidden[before:]


def test_messages_in_work_are_extended_at_half_their_timeout() -> None:
    rig = SourceRig()
    asked = [extend_after(rig, seconds) for seconds in (HALF - 1, 1, 1, HALF - 2, 1)]
    assert asked == [[], [{0: TIMEOUT}], [], [], [{0: TIMEOUT}]]
    assert rig.count_of("leases_extended") == 2


def test_what_sqs_refuses_does_not_count_as_extended() -> None:
    rig = SourceRig(5)
    rig.queue.answers = [lambda five: [*for_good(five[:1]), *in_passing(five[1:3])]]
    extend_after(rig, HALF)
    assert rig.count_of("leases_extended") == 2
    assert extend_after(rig, TIMEOUT / 10) == [{1: TIMEOUT, 2: TIMEOUT}]


def test_leases_are_extended_ten_per_call() -> None:
    assert [len(ten) for ten in extend_after(SourceRig(23), HALF)] == [10, 10, 3]


@pytest.mark.parametrize("answer", [not_at_all, in_passing], ids=["no answer", "refused in passing"])
def test_a_failed_extension_is_due_again_soon_and_loses_nothing(answer: Answer) -> None:
    rig = SourceRig()
    rig.queue.answers = [answer]
    asked = [extend_after(rig, seconds) for seconds in (HALF, TIMEOUT / 20, TIMEOUT / 20, 1)]
    assert asked == [[{0: TIMEOUT}], [], [{0: TIMEOUT}], []]
    assert rig.held() == [0]
    assert rig.count_of("lease_lost") == 0


def test_a_failed_call_does_not_touch_the_other_tens() -> None:
    rig = SourceRig(12)
    rig.queue.answers = [not_at_all]
    assert len(extend_after(rig, HALF)) == 2
    assert [[*call] for call in extend_after(rig, TIMEOUT / 10)] == [[*range(10)]]


def test_while_sqs_hangs_the_main_thread_waits_for_few_calls_and_the_rest_is_due_again_soon() -> None:
    rig = SourceRig(60)

    def hanging(messages: Sequence[Message]) -> list[Refused]:
        rig.clock.seconds += EXTENDING / 2
        return not_at_all(messages)

    rig.queue.answers = [hanging] * 2
    assert [[*call] for call in extend_after(rig, HALF)] == [[*range(10)], [*range(10, 20)]]
    assert len(extend_after(rig, TIMEOUT / 10)) == 6
    assert rig.count_of("lease_lost") == 0


def test_what_is_settled_between_two_calls_is_not_hidden_again() -> None:
    rig = SourceRig(12)

    def while_released(_: Sequence[Message]) -> list[Refused]:
        rig.queue.answers = []
        rig.leases.drop(rig.messages[10:11])
        return []

    rig.queue.answers = [while_released]
    assert [[*call] for call in extend_after(rig, HALF)] == [[*range(10)], [11]]


def test_an_extension_refused_for_good_loses_the_lease_and_leaves_the_message_alone() -> None:
    rig = SourceRig(2)
    rig.queue.answers = [lambda two: for_good(two[:1])]
    extend_after(rig, HALF)
    assert rig.held() == [1]
    assert rig.count_of("lease_lost") == 1
    rig.settle()
    rig.source.release_all()
    assert rig.queue.deleted == [[1]]
    assert len(rig.queue.hidden) == 1


def test_the_time_an_extension_takes_shortens_the_lease() -> None:
    rig = SourceRig()

    def after_a_while(_: Sequence[Message]) -> list[Refused]:
        rig.clock.seconds += 3
        return []

    rig.queue.answers = [after_a_while]
    extend_after(rig, HALF)
    assert extend_after(rig, HALF - 3 - 1) == []
    assert extend_after(rig, 1) == [{0: TIMEOUT}]


def test_a_message_released_while_its_extension_is_refused_is_not_reported_lost() -> None:
    rig = SourceRig()

    def settle_meanwhile(messages: Sequence[Message]) -> list[Refused]:
        rig.leases.drop(messages)
        return for_good(messages)

    rig.queue.answers = [settle_meanwhile]
    extend_after(rig, HALF)
    assert rig.count_of("lease_lost") == 0


def test_a_message_deleted_while_its_extension_is_refused_is_not_reported_lost() -> None:
    rig = SourceRig()

    def extend_meanwhile(_: Sequence[Message]) -> list[Refused]:
        rig.queue.answers = [for_good]
        extend_after(rig, HALF)
        return []

    rig.queue.answers = [extend_meanwhile]
    rig.settle()
    assert rig.count_of("lease_lost") == 0


def test_a_lease_not_extended_in_time_is_lost_once() -> None:
    rig = SourceRig()
    assert extend_after(rig, TIMEOUT) == extend_after(rig, 1) == []
    assert rig.count_of("lease_lost") == 1
    assert rig.source.in_flight == 0


def test_a_message_held_for_the_longest_time_is_released_after_its_delay_and_never_deleted() -> None:
    rig = SourceRig(0)
    rig.receive(message(number=1, receive_count=3))
    for _ in range(int(LONGEST / HALF)):
        extend_after(rig, HALF)
    assert rig.count_of("held_too_long") == 0
    assert extend_after(rig, LONGEST % HALF - 6) == [{1: 20}]  # while the call still arrives
    assert rig.count_of("held_too_long") == 1
    rig.settle(message(number=1))
    assert rig.queue.deleted == []


def test_the_last_extension_ends_with_the_longest_time() -> None:
    rig = SourceRig()
    calls = [call[0] for _ in range(int(LONGEST / HALF)) for call in extend_after(rig, HALF)]
    assert calls == [TIMEOUT, TIMEOUT, TIMEOUT, TIMEOUT, 25, 10]


def test_at_the_end_all_held_messages_become_visible_ten_per_call() -> None:
    rig = SourceRig(12)
    rig.settle(*rig.messages[:1])
    assert rig.source.release_all() == 11
    assert rig.queue.hidden == [dict.fromkeys(range(1, 11), 0), {11: 0}]
    assert rig.source.release_all() == 0
    assert rig.held() == []
    assert rig.count_of("released") == 11


def test_a_late_outcome_does_not_delete_a_message_given_back_at_the_end() -> None:
    rig = SourceRig()
    rig.source.release_all()
    rig.settle()
    assert rig.queue.deleted == []


def test_at_the_end_a_silent_queue_is_called_twice() -> None:
    rig = SourceRig(12)
    rig.queue.answers = [not_at_all] * 5
    assert rig.source.release_all() == 12
    assert len(rig.queue.hidden) == 2
    assert rig.count_of("release_given_up") == 12


def test_at_the_end_lost_messages_are_left_alone() -> None:
    rig = SourceRig()
    rig.clock.seconds += HALF
    rig.receive(message(number=9))
    rig.clock.seconds += HALF
    assert rig.source.release_all() == 1
    assert rig.queue.hidden == [{9: 0}]
    assert rig.count_of("lease_lost") == 1


def test_a_release_waits_for_an_extension_that_would_hide_the_message_again() -> None:
    rig = SourceRig()
    release = threading.Thread(target=lambda: rig.settle(error=ModelError("refused")))
    overtaken: list[bool] = []

    def release_meanwhile(_: Sequence[Message]) -> list[Refused]:
        release.start()
        release.join(0.2)
        overtaken.append(not release.is_alive())
        return []

    rig.queue.answers = [release_meanwhile]
    extend_after(rig, HALF)
    release.join(10)
    assert overtaken == [False]
    assert rig.queue.hidden == [{0: TIMEOUT}, {0: 5}]


def test_a_message_released_before_the_extension_is_not_hidden_again() -> None:
    rig = SourceRig(2)
    rig.settle(rig.messages[0], error=ModelError("refused"))
    assert extend_after(rig, HALF) == [{1: TIMEOUT}]
