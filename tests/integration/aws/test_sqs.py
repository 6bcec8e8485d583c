"""The SQS adapter with a wrong clock, on a real queue."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.rig import Rig
from worker.adapters.aws import sqs


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
    queue.use_visibility_timeout(None)
    (received,) = queue.receive(1)
    wrong_by = abs((received.received_at - datetime.now(UTC)).total_seconds())
    assert wrong_by < 1.5 + (abs(ahead) if is_used else 1.0)
    queue.delete([received])
