"""The SQS adapter on a real queue: with a wrong clock, and with redrive policies that forgive too little."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.rig import RECEIVES, Rig
from worker import connections, settings
from worker.adapters.aws import sqs
from worker.telemetry.counters import Telemetry


@pytest.mark.parametrize(
    ("ahead", "is_used"), [(0.0, True), (1.0, True), (-1.0, True), (3600.0, False), (-3600.0, False)]
)
def test_a_clock_that_is_wrong_by_more_than_two_seconds_is_corrected(
    rig: Rig, ahead: float, is_used: bool
) -> None:
    rig.send("a message")
    queue = sqs.SqsQueue(
        rig.queue_url,
        receive_wait=1,
        clock=time.monotonic,
        now=lambda: datetime.now(UTC) + timedelta(seconds=ahead),
    )
    queue.use_visibility_timeout(30)
    (received,) = queue.receive(1)
    wrong_by = abs((received.received_at - datetime.now(UTC)).total_seconds())
    assert wrong_by < 1.5 + (abs(ahead) if is_used else 1.0)
    queue.delete([received])


@pytest.mark.parametrize(("alone_after", "warnings"), [(RECEIVES - 1, 0), (RECEIVES, 1), (RECEIVES + 1, 1)])
def test_a_redrive_policy_that_leaves_no_receive_for_a_try_alone_is_reported_at_the_start(
    rig: Rig, alone_after: int, warnings: int
) -> None:
    telemetry = Telemetry()
    loaded = settings.load(rig.settings(alone_after=str(alone_after)))
    connections.connect(loaded, telemetry, time.monotonic)
    assert telemetry.counts.get("never_alone", 0) == warnings


def warnings_of(rig: Rig) -> set[str]:
    telemetry = Telemetry()
    connections.connect(settings.load(rig.settings(alone_after="2")), telemetry, time.monotonic)
    return set(telemetry.counts)


def set_rules(rig: Rig, url: str, **rules: str) -> None:
    rig.sqs.set_queue_attributes(QueueUrl=url, Attributes=rules)


@pytest.fixture
def sound(rig: Rig) -> Rig:
    """With a queue of which nothing is to be reported."""
    set_rules(rig, rig.queue_url, VisibilityTimeout="60")
    set_rules(rig, rig.dead_url, MessageRetentionPeriod="1209600")
    return rig


def test_a_queue_without_a_redrive_policy_is_reported_at_the_start(sound: Rig) -> None:
    assert warnings_of(sound) == set()
    set_rules(sound, sound.queue_url, RedrivePolicy="")
    assert warnings_of(sound) == {"no_dead_letters"}


def test_dead_letters_that_are_gone_as_soon_as_messages_are_reported_at_the_start(sound: Rig) -> None:
    set_rules(sound, sound.dead_url, MessageRetentionPeriod="345600")
    assert warnings_of(sound) == {"short_dead_letters"}
    set_rules(sound, sound.dead_url, MessageRetentionPeriod="345601")
    assert warnings_of(sound) == set()
    sound.sqs.delete_queue(QueueUrl=sound.dead_url)  # as good as one whose attributes the worker may not read
    assert warnings_of(sound) == set()


def test_short_times_are_reported_at_the_start(sound: Rig) -> None:
    set_rules(sound, sound.queue_url, VisibilityTimeout="19", MessageRetentionPeriod="86399")
    assert warnings_of(sound) == {"short_visibility_timeout", "short_retention"}


def test_a_message_names_the_span_that_sent_it(rig: Rig) -> None:
    """As X-Ray writes it where SDKs, S3 and SNS pass a trace on; here as W3C does."""
    root, parent = "1-5759e988-bd862e3fe1be46a994272793", "53995c3f42cd8ad8"
    header = {"DataType": "String", "StringValue": f"Root={root};Parent={parent};Sampled=1"}
    rig.sqs.send_message(
        QueueUrl=rig.queue_url, MessageBody="a message", MessageSystemAttributes={"AWSTraceHeader": header}
    )
    rig.send("another")
    queue = sqs.SqsQueue(rig.queue_url, receive_wait=1, clock=time.monotonic, now=lambda: datetime.now(UTC))
    queue.use_visibility_timeout(30)
    received = {one.body: one.traceparent for _ in range(2) for one in queue.receive(1)}
    assert received == {"a message": f"00-5759e988bd862e3fe1be46a994272793-{parent}-01", "another": ""}
