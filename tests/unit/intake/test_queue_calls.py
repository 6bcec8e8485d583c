"""What is logged of messages and of calls to the queue: each event by its name, with what a person needs."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.support.fakes import message
from tests.unit.intake.source_rig import LONGEST, TIMEOUT, SourceRig, for_good, in_passing, not_at_all
from worker.errors import MessageError, ModelError


def warning(event: str, **fields: object) -> dict[str, Any]:
    return {"event": event, "log_level": "warning", **fields}


@pytest.mark.parametrize(("verb", "error"), [("delete", None), ("release", ModelError("refused"))])
def test_entries_and_calls_that_fail_are_logged_and_tried_twice(
    verb: str, error: MessageError | None
) -> None:
    rig = SourceRig(2)
    rig.queue.answers = [lambda two: [*in_passing(two[:1]), *for_good(two[1:])], not_at_all]
    with capture_logs() as logs:
        rig.settle(error=error)
    assert logs == [
        warning(f"{verb}_refused", message_id="message-0", reason="InternalError"),
        warning(f"{verb}_refused", message_id="message-1", reason="ReceiptHandleIsInvalid"),
        warning(f"{verb}_failed", messages=1, reason="no answer for 1"),
        warning(f"{verb}_given_up", message_id="message-0"),
    ]


def test_a_call_that_fails_names_all_that_were_to_follow_and_tries_them_again() -> None:
    rig = SourceRig(23)
    rig.queue.answers = [in_passing, not_at_all]
    with capture_logs() as logs:
        rig.settle()
    assert [line for line in logs if line["event"] != "delete_refused"] == [
        warning("delete_failed", messages=13, reason="no answer for 10")
    ]
    assert [len(call) for call in rig.queue.deleted] == [10, 10, 10, 10, 3]


def test_a_failed_extension_is_logged() -> None:
    rig = SourceRig(2)
    rig.clock.seconds += TIMEOUT / 2
    rig.queue.answers = [not_at_all]
    with capture_logs() as logs:
        rig.source.extend_due()
    assert logs == [warning("extension_failed", messages=2, reason="no answer for 2")]


def test_messages_that_are_lost_or_held_too_long_are_logged() -> None:
    rig = SourceRig(0)
    rig.receive(message(number=1, receive_count=2), message(number=2))
    start = rig.clock.seconds
    rig.leases.note_extension(message(number=2), TIMEOUT, since=start + LONGEST - TIMEOUT)
    rig.clock.seconds = start + LONGEST - 6
    with capture_logs() as logs:
        rig.source.extend_due()
    assert logs == [
        warning("lease_lost", message_id="message-1", receive_count=2),
        warning("held_too_long", messages=["message-2"]),
    ]


def test_a_receive_is_counted_with_its_time_and_its_redeliveries() -> None:
    rig = SourceRig(0)
    answer = rig.queue.receive

    def slowly(most: int) -> Any:
        rig.clock.seconds += 2
        return answer(most)

    rig.queue.receive = slowly  # type: ignore[method-assign] # this one takes its time
    rig.queue.waiting = [message(number=1), message(number=2, receive_count=2)]
    with capture_logs() as logs:
        rig.source.receive(10)
    assert logs == [{"event": "received", "log_level": "debug", "messages": 2, "seconds": 2}]
    assert [rig.count_of(name) for name in ("receives", "messages_received", "redeliveries")] == [1, 2, 1]


def test_what_is_given_back_is_counted() -> None:
    rig = SourceRig(3)
    rig.source.give_back(rig.messages[:2])
    assert rig.count_of("returned") == 2
    assert rig.source.in_flight == 1
