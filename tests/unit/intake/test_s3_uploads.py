"""How received messages are deleted, released and given back; what the queue refuses, and when it fails."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.support.fakes import message
from tests.unit.intake.answering import TIMEOUT, Bench, for_good, in_passing, not_at_all
from worker.errors import MessageError, ModelError, QueueError, StoppingError, UnknownBodyError
from worker.intake.s3_uploads import Refused, back_off
from worker.messages import Message, PhotoId, S3Object, Upload

# receiving


def test_a_received_message_is_held_from_then_on() -> None:
    assert Bench(3).source.in_flight == 3


def test_a_receive_that_fails_holds_nothing() -> None:
    bench = Bench(0)
    bench.queue.down = True
    with pytest.raises(QueueError):
        bench.source.receive(10)
    assert bench.source.in_flight == 0


def test_a_message_received_again_is_settled_by_its_last_receive_alone() -> None:
    bench = Bench()
    again = replace(bench.messages[0], receipt_handle="another")
    bench.receive(again)
    assert bench.said("lease_lost") == 1
    bench.settle()
    assert bench.queue.calls == []
    bench.settle(again)
    assert bench.queue.deleted == [[0]]


def test_a_photo_comes_from_storage_by_the_object_that_was_announced() -> None:
    bench = Bench()
    upload = Upload(PhotoId("id"), S3Object("photos", "key"), None, bench.messages[0], bench.source)
    assert bench.source.fetch(upload, max_bytes=2).data == b"ke"


# deleting


def test_messages_are_deleted_ten_a_call_and_held_no_longer() -> None:
    bench = Bench(23)
    bench.settle()
    assert bench.queue.deleted == [[*range(10)], [*range(10, 20)], [20, 21, 22]]
    assert bench.held() == []


def test_only_what_was_refused_in_passing_is_deleted_once_more() -> None:
    bench = Bench(12)
    bench.queue.answers = [lambda ten: in_passing(ten[3:5]), in_passing]
    bench.settle()
    assert bench.queue.deleted == [[*range(10)], [10, 11], [3, 4, 10, 11]]
    assert bench.said("delete_refused") == 4
    assert bench.said("delete_given_up") == 0


def test_a_delete_that_is_refused_twice_is_given_up_and_said() -> None:
    bench = Bench(2)
    bench.queue.answers = [in_passing, lambda two: in_passing(two[:1])]
    bench.settle()
    assert bench.queue.deleted == [[0, 1], [0, 1]]
    assert bench.said("delete_given_up") == 1
    assert bench.held() == []


def test_a_delete_that_is_refused_for_good_is_not_tried_again() -> None:
    bench = Bench(2)
    bench.queue.answers = [for_good]
    bench.settle()
    assert bench.queue.deleted == [[0, 1]]
    assert bench.said("delete_refused") == 2
    assert bench.held() == []


def test_after_a_call_that_fails_as_a_whole_the_rest_is_deleted_in_a_second_round() -> None:
    bench = Bench(23)
    bench.queue.answers = [in_passing_the_first, not_at_all]
    bench.settle()
    assert bench.queue.deleted == [
        [*range(10)],
        [*range(10, 20)],
        [0, *range(10, 19)],
        [19, 20, 21, 22],
    ]
    assert bench.said("delete_failed") == 1


def in_passing_the_first(messages: Sequence[Message]) -> list[Refused]:
    return in_passing(messages[:1])


def test_a_queue_that_never_answers_is_called_twice_and_every_message_is_given_up() -> None:
    bench = Bench(23)
    bench.queue.answers = [not_at_all] * 9
    bench.settle()
    assert bench.queue.deleted == [[*range(10)]] * 2
    assert bench.said("delete_given_up") == 23
    assert bench.held() == []


def test_a_message_whose_lease_has_run_out_is_said_to_be_lost_and_never_deleted() -> None:
    bench = Bench(2)
    bench.clock.seconds += TIMEOUT
    bench.settle()
    assert bench.queue.calls == []
    assert bench.said("lease_lost") == 2


def test_a_lease_that_runs_out_while_others_are_deleted_is_not_used() -> None:
    bench = Bench(12)

    def after_long(_: Sequence[Message]) -> list[Refused]:
        bench.clock.seconds += TIMEOUT
        return []

    bench.queue.answers = [after_long]
    bench.settle()
    assert bench.queue.deleted == [[*range(10)]]
    assert bench.held() == []


def test_a_message_waits_for_all_its_records() -> None:
    bench = Bench(0)
    double = replace(message(number=1), records=2)
    bench.receive(double)
    bench.settle(double)
    assert bench.queue.calls == []
    bench.settle(double)
    assert bench.queue.deleted == [[1]]


def test_one_record_in_trouble_keeps_its_message_from_being_deleted() -> None:
    bench = Bench(0)
    double = replace(message(number=1), records=2)
    bench.receive(double)
    bench.settle(double, error=ModelError("refused"))
    bench.settle(double)
    assert bench.queue.deleted == []
    assert bench.queue.hidden == [{1: 5}]


# releasing


@pytest.mark.parametrize(("receive_count", "seconds"), [(1, 5), (2, 10), (4, 40), (9, 300)])
def test_what_was_in_trouble_is_seen_again_after_a_delay_that_doubles(
    receive_count: int, seconds: int
) -> None:
    bench = Bench(0)
    tried = replace(message(number=1), receive_count=receive_count)
    bench.receive(tried)
    bench.settle(tried, error=ModelError("refused"))
    assert bench.queue.hidden == [{1: seconds}]
    assert bench.held() == []


def test_what_was_not_started_is_seen_again_at_once() -> None:
    bench = Bench(2)
    bench.settle(error=StoppingError("not started"))
    bench.receive(message(number=7))
    bench.source.give_back([message(number=7)])
    assert bench.queue.hidden == [{0: 0, 1: 0}, {7: 0}]
    assert bench.held() == []
    assert bench.said("returned") == 1, "commit counts the other two, photo by photo"


def test_what_is_not_ours_is_left_alone_until_its_timeout_runs_out() -> None:
    bench = Bench()
    bench.settle(error=UnknownBodyError("no JSON"))
    bench.clock.seconds += TIMEOUT / 2
    bench.source.extend_due()
    assert bench.queue.calls == []
    assert bench.said("lease_lost") == 0


def test_no_delay_is_longer_than_sqs_allows() -> None:
    bench = Bench(retry_delay=lambda _: 10**6)
    bench.settle(error=ModelError("refused"))
    assert bench.queue.hidden == [{0: 43_200}]


def test_of_many_outcomes_the_deletes_come_first() -> None:
    bench = Bench(3)
    errors: list[MessageError | None] = [ModelError("refused"), StoppingError("not started"), None]
    bench.source.settle([bench.outcome(m, e) for m, e in zip(bench.messages, errors, strict=True)])
    assert bench.queue.calls == ["delete", "hide", "hide"]
    assert bench.queue.hidden == [{1: 0}, {0: 5}]


def test_a_release_that_is_refused_is_tried_once_more_with_its_own_delay() -> None:
    bench = Bench(0)
    bench.receive(message(number=1), message(number=2, receive_count=2))
    bench.queue.answers = [lambda two: in_passing(two[1:]), in_passing]
    bench.settle(message(number=1), message(number=2, receive_count=2), error=ModelError("refused"))
    assert bench.queue.hidden == [{1: 5, 2: 10}, {2: 10}]
    assert bench.said("release_given_up") == 1


@pytest.mark.parametrize(
    ("first", "most", "receive_count", "seconds"),
    [(5, 300, 0, 5), (5, 300, 7, 300), (0, 300, 9, 0), (900, 300, 1, 300), (1, 43_200, 10**9, 43_200)],
)
def test_a_back_off_stays_within_its_bounds(first: int, most: int, receive_count: int, seconds: int) -> None:
    assert back_off(first, most)(receive_count) == seconds
