"""How messages are deleted, released and given back, also when the queue refuses entries or fails."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.support.fakes import message
from tests.unit.intake.source_rig import TIMEOUT, SourceRig, for_good, in_passing, not_at_all
from worker.errors import MessageError, ModelError, QueueError, StoppingError, UnknownBodyError
from worker.intake.queue_calls import Refused
from worker.intake.s3_uploads import back_off
from worker.intake.survivors import SILENCE
from worker.messages import Message, PhotoId, S3Object, Upload

# receiving


def test_a_received_message_is_held() -> None:
    assert SourceRig(3).source.in_flight == 3


def test_a_receive_that_fails_holds_nothing() -> None:
    rig = SourceRig(0)
    rig.queue.down = True
    with pytest.raises(QueueError):
        rig.source.receive(10)
    assert rig.source.in_flight == 0


def test_a_message_received_again_is_settled_by_its_last_receive_alone() -> None:
    rig = SourceRig()
    again = replace(rig.messages[0], receipt_handle="another")
    rig.receive(again)
    assert rig.count_of("lease_lost") == 1
    rig.settle()
    assert rig.queue.calls == []
    rig.settle(again)
    assert rig.queue.deleted == [[0]]


def test_a_photo_in_s3_is_wanted_by_whoever_uploaded_it() -> None:
    rig = SourceRig()
    assert rig.source.wants(
        Upload(PhotoId("id"), S3Object("photos", "key"), None, rig.messages[0], rig.source)
    )


def test_a_photo_is_fetched_by_its_announced_object() -> None:
    rig = SourceRig()
    upload = Upload(PhotoId("id"), S3Object("photos", "key"), None, rig.messages[0], rig.source)
    signs = list[bool]()
    assert rig.source.fetch(upload, 2, lambda: signs.append(True)).pieces == [b"ke"]
    assert signs  # it shows that it lives


# deleting


def test_messages_are_deleted_ten_per_call_and_no_longer_held() -> None:
    rig = SourceRig(23)
    rig.settle()
    assert rig.queue.deleted == [[*range(10)], [*range(10, 20)], [20, 21, 22]]
    assert rig.held() == []


def test_only_temporary_refusals_are_deleted_again() -> None:
    rig = SourceRig(12)
    rig.queue.answers = [lambda ten: in_passing(ten[3:5]), in_passing]
    rig.settle()
    assert rig.queue.deleted == [[*range(10)], [10, 11], [3, 4, 10, 11]]
    assert rig.count_of("delete_refused") == 4
    assert rig.count_of("delete_given_up") == 0


def test_a_delete_refused_twice_is_given_up_and_logged() -> None:
    rig = SourceRig(2)
    rig.queue.answers = [in_passing, lambda two: in_passing(two[:1])]
    rig.settle()
    assert rig.queue.deleted == [[0, 1], [0, 1]]
    assert rig.count_of("delete_given_up") == 1
    assert rig.held() == []


def test_a_delete_refused_for_good_is_not_tried_again() -> None:
    rig = SourceRig(2)
    rig.queue.answers = [for_good]
    rig.settle()
    assert rig.queue.deleted == [[0, 1]]
    assert rig.count_of("delete_refused") == 2
    assert rig.held() == []


def test_after_a_call_fails_as_a_whole_a_second_round_deletes_the_rest() -> None:
    rig = SourceRig(23)
    rig.queue.answers = [in_passing_the_first, not_at_all]
    rig.settle()
    assert rig.queue.deleted == [[*range(10)], [*range(10, 20)], [0, *range(10, 19)], [19, 20, 21, 22]]
    assert rig.count_of("delete_failed") == 1


def in_passing_the_first(messages: Sequence[Message]) -> list[Refused]:
    return in_passing(messages[:1])


def test_a_queue_that_never_answers_is_called_twice_and_every_message_is_given_up() -> None:
    rig = SourceRig(23)
    rig.queue.answers = [not_at_all] * 9
    rig.settle()
    assert rig.queue.deleted == [[*range(10)]] * 2
    assert rig.count_of("delete_given_up") == 23
    assert rig.held() == []


def test_a_message_whose_lease_has_ended_is_reported_lost_and_never_deleted() -> None:
    rig = SourceRig(2)
    rig.clock.seconds += TIMEOUT
    rig.settle()
    assert rig.queue.calls == []
    assert rig.count_of("lease_lost") == 2


def test_a_lease_that_ends_while_others_are_deleted_is_not_used() -> None:
    rig = SourceRig(12)

    def after_long(_: Sequence[Message]) -> list[Refused]:
        rig.clock.seconds += TIMEOUT
        return []

    rig.queue.answers = [after_long]
    rig.settle()
    assert rig.queue.deleted == [[*range(10)]]
    assert rig.held() == []


def test_a_message_waits_for_all_its_records() -> None:
    rig = SourceRig(0)
    double = replace(message(number=1), records=2)
    rig.receive(double)
    rig.settle(double)
    assert rig.queue.calls == []
    rig.settle(double)
    assert rig.queue.deleted == [[1]]


def test_one_record_in_trouble_keeps_its_message_from_being_deleted() -> None:
    rig = SourceRig(0)
    double = replace(message(number=1), records=2)
    rig.receive(double)
    rig.settle(double, error=ModelError("refused"))
    rig.settle(double)
    assert rig.queue.deleted == []
    assert rig.queue.hidden == [{1: 5}]


# releasing


@pytest.mark.parametrize(("receive_count", "seconds"), [(1, 5), (2, 10), (4, 40), (9, 300)])
def test_a_failed_photo_comes_again_after_a_delay_that_doubles(receive_count: int, seconds: int) -> None:
    rig = SourceRig(0)
    tried = replace(message(number=1), receive_count=receive_count)
    rig.receive(tried)
    rig.settle(tried, error=ModelError("refused"))
    assert rig.queue.hidden == [{1: seconds}]
    assert rig.held() == []


def test_a_photo_that_was_not_started_is_visible_at_once() -> None:
    rig = SourceRig(2)
    rig.settle(error=StoppingError("not started"))
    rig.receive(message(number=7))
    rig.source.give_back([message(number=7)])
    assert rig.queue.hidden == [{0: 0, 1: 0}, {7: 0}]
    assert rig.held() == []
    assert rig.count_of("returned") == 1, "commit counts the other two, photo by photo"


def test_what_is_given_back_after_its_lease_has_ended_is_reported_lost_and_not_released() -> None:
    rig = SourceRig()
    rig.clock.seconds += TIMEOUT
    rig.source.give_back(rig.messages)
    assert rig.queue.calls == []
    assert rig.count_of("lease_lost") == 1


def test_a_foreign_message_is_left_until_its_timeout_ends() -> None:
    rig = SourceRig()
    rig.settle(error=UnknownBodyError("no JSON"))
    rig.clock.seconds += TIMEOUT / 2
    rig.source.extend_due()
    assert rig.queue.calls == []
    assert rig.count_of("lease_lost") == 0


@pytest.mark.parametrize("error", [ModelError("no"), StoppingError("not started"), UnknownBodyError("odd")])
def test_what_must_be_tried_again_is_noted_as_harmless(error: MessageError) -> None:
    rig = SourceRig()
    rig.settle(error=error)
    assert rig.notes.survived == {"message-0": 1}


def test_what_is_done_needs_no_note() -> None:
    rig = SourceRig()
    rig.settle()
    assert rig.notes.survived == {}


def test_a_message_is_harmless_only_once_all_its_records_are_known_to_be() -> None:
    rig = SourceRig(0)
    both = message(number=1, records=2)
    rig.receive(both)
    rig.settle(both, error=ModelError("no"))
    assert rig.notes.survived == {}
    rig.settle(both)
    assert rig.notes.survived == {"message-1": 1}


def test_what_was_not_tried_is_noted_too() -> None:
    rig = SourceRig(2)
    rig.source.give_back(rig.messages)
    assert rig.notes.survived == {"message-0": 1, "message-1": 1}


@pytest.mark.parametrize("survived", [True, False])
def test_at_the_end_what_is_released_is_noted_only_if_none_of_it_is_to_blame(survived: bool) -> None:
    rig = SourceRig(2)
    rig.settle(rig.messages[0], error=StoppingError("not started"))
    rig.notes.survived.clear()
    assert (rig.source.release_all(survived=True) if survived else rig.source.release_all()) == 1
    assert rig.notes.survived == ({"message-1": 1} if survived else {})


def test_no_release_waits_for_a_note_and_a_redis_that_is_away_is_not_asked_again_soon() -> None:
    rig, released = SourceRig(3), list[int]()
    ask = rig.notes.note_survived

    def count_and_ask(message_ids: Sequence[str]) -> None:
        released.append(len(rig.queue.hidden))
        ask(message_ids)

    rig.notes.note_survived, rig.notes.away = count_and_ask, True  # type: ignore[method-assign] # a spy
    for one in rig.messages[:2]:
        rig.settle(one, error=ModelError("no"))
    assert released == [1]
    rig.notes.away = False
    rig.clock.seconds += SILENCE
    rig.receive(rig.messages[2])
    rig.settle(rig.messages[2], error=ModelError("no"))
    assert rig.notes.survived == {"message-2": 1}


def test_no_delay_is_longer_than_sqs_allows() -> None:
    rig = SourceRig(retry_delay=lambda _: 10**6)
    rig.settle(error=ModelError("refused"))
    assert rig.queue.hidden == [{0: 43_200}]


def test_deletes_come_before_releases() -> None:
    rig = SourceRig(3)
    errors: list[MessageError | None] = [ModelError("refused"), StoppingError("not started"), None]
    rig.source.settle([rig.outcome(m, e) for m, e in zip(rig.messages, errors, strict=True)])
    assert rig.queue.calls == ["delete", "hide", "hide"]
    assert rig.queue.hidden == [{1: 0}, {0: 5}]


def test_a_refused_release_is_tried_again_with_its_own_delay() -> None:
    rig = SourceRig(0)
    rig.receive(message(number=1), message(number=2, receive_count=2))
    rig.queue.answers = [lambda two: in_passing(two[1:]), in_passing]
    rig.settle(message(number=1), message(number=2, receive_count=2), error=ModelError("refused"))
    assert rig.queue.hidden == [{1: 5, 2: 10}, {2: 10}]
    assert rig.count_of("release_given_up") == 1


@pytest.mark.parametrize(
    ("first", "most", "receive_count", "seconds"),
    [(5, 300, 0, 5), (5, 300, 7, 300), (0, 300, 9, 0), (900, 300, 1, 300), (1, 43_200, 10**9, 43_200)],
)
def test_a_back_off_stays_within_its_bounds(first: int, most: int, receive_count: int, seconds: int) -> None:
    assert back_off(first, most)(receive_count) == seconds
