"""SQS throttles, answers 503, breaks connections, says nothing, loses answers, or refuses entries of a batch.

Expected: polling pauses and goes on; a failed delete costs a look-up later; a failed extension is
tried again soon; a lease that SQS reports gone counts as lost. Guards against: ignored failures of a
batch's entries, a lost answer that becomes a lost photo.
"""

import json

import pytest

from localstack.faults import gateway
from localstack.faults.exchange import Answer, Exchange
from tests.support.faults.fault_rig import FaultRig
from tests.support.waiting import eventually

FAULTS = [gateway.unavailable, gateway.throttle, gateway.reset, gateway.hanging]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_polling_goes_on_when_sqs_is_back(rig: FaultRig, photo: bytes, fault: gateway.Fault) -> None:
    worker = rig.start_worker(receive_wait="0")
    rig.gateway.break_("sqs", fault)
    rig.upload(4, photo)
    worker.wait_for("receive_failed")
    rig.gateway.mend()
    rig.account()
    assert worker.stop() == 0


@pytest.mark.parametrize(
    "fault", [gateway.unavailable, gateway.answer_lost, gateway.hanging], ids=lambda fault: fault.__name__
)
def test_a_delete_that_is_not_confirmed_costs_a_look_up(
    rig: FaultRig, photo: bytes, fault: gateway.Fault
) -> None:
    worker = rig.start_worker()
    rig.gateway.break_("sqs.DeleteMessageBatch", fault)
    rig.upload(4, photo)
    worker.wait_for("delete_failed")
    rig.gateway.mend()
    rig.account()
    assert worker.count("scored") == 4


def test_an_extension_that_fails_is_tried_again_before_the_lease_ends(rig: FaultRig, photo: bytes) -> None:
    worker = rig.start_worker(visibility_timeout="12")
    rig.wire.set("hang")
    rig.gateway.break_("sqs.ChangeMessageVisibilityBatch", gateway.unavailable)
    rig.upload(4, photo)
    worker.wait_for("extension_failed")
    rig.gateway.mend()
    eventually(lambda: rig.audit.counts["hidden"] >= 8, rig.describe)
    rig.wire.set("open")
    rig.account()
    assert rig.audit.counts["redelivered"] == 0


def refuse_entries(stale: bool) -> gateway.Fault:
    """SQS refuses each entry of a batch."""

    def fault(exchange: Exchange) -> None:
        entries = json.loads(exchange.body)["Entries"]
        failed = [
            {
                "Id": e["Id"],
                "SenderFault": stale,
                "Code": "ReceiptHandleIsInvalid" if stale else "InternalError",
            }
            for e in entries
        ]
        headers = [("Content-Type", "application/x-amz-json-1.0")]
        exchange.reply(Answer(200, headers, json.dumps({"Successful": [], "Failed": failed}).encode()))

    return fault


def test_a_lease_that_sqs_says_is_gone_is_lost_and_its_message_is_not_deleted(
    rig: FaultRig, photo: bytes
) -> None:
    worker = rig.start_worker()
    rig.wire.set("hang")
    rig.gateway.break_("sqs.ChangeMessageVisibilityBatch", refuse_entries(stale=True))
    rig.upload(3, photo)
    worker.wait_for("lease_lost", times=3)
    rig.wire.set("open")
    rig.wait_for_results(3)
    assert rig.audit.counts["deleted"] == 1  # the bucket's test event
    rig.gateway.mend()
    rig.account()


def test_entries_that_are_refused_are_tried_once_more(rig: FaultRig, photo: bytes) -> None:
    worker = rig.start_worker()
    rig.gateway.break_("sqs.DeleteMessageBatch", refuse_entries(stale=False))
    rig.upload(3, photo)
    worker.wait_for("delete_refused", times=3)
    assert rig.gateway.begun("DeleteMessageBatch") >= 2
    rig.gateway.mend()
    rig.account()


def test_of_a_batch_that_succeeds_in_part_nothing_is_forgotten(rig: FaultRig, photo: bytes) -> None:
    worker = rig.start_worker()
    for operation in ("DeleteMessageBatch", "ChangeMessageVisibilityBatch"):
        rig.gateway.break_(f"sqs.{operation}", gateway.every_second_entry_refused)
    rig.upload(24, photo)
    worker.wait_for("delete_refused", times=3)
    rig.wait_for_results(24)
    rig.gateway.mend()
    rig.account()
    assert worker.count("scored") == 24


def test_messages_whose_receive_was_lost_on_its_way_come_again(rig: FaultRig, photo: bytes) -> None:
    worker = rig.start_worker()
    worker.wait_for("ignored")  # the bucket's test event
    rig.gateway.break_("sqs.ReceiveMessage", gateway.answer_lost)
    polls = rig.gateway.begun("ReceiveMessage")
    eventually(lambda: rig.gateway.begun("ReceiveMessage") > polls)  # the one under way has no fault yet
    received = rig.audit.counts["received"]
    rig.upload(6, photo)
    eventually(lambda: rig.audit.counts["received"] >= received + 6, rig.describe)
    assert rig.results() == {}
    rig.gateway.mend()
    rig.account()
    assert rig.audit.counts["redelivered"] >= 6
    assert worker.stop() == 0


def test_a_worker_whose_network_was_away_goes_on_when_it_is_back(rig: FaultRig, photo: bytes) -> None:
    worker = rig.start_worker()
    rig.gateway.go_away()
    rig.upload(6, photo)
    worker.wait_for("receive_failed")
    rig.gateway.come_back()
    rig.account()
    assert worker.stop() == 0
