"""SQS: receives messages, deletes them and sets their visibility timeouts."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from worker.adapters.aws.clients import parse_time, raise_as
from worker.adapters.aws.libcurl.connection import Limits
from worker.adapters.aws.sqs_calls import SqsCalls
from worker.errors import ConfigurationError, QueueError, reason
from worker.intake.queue_calls import Refused
from worker.intake.queue_rules import QueueRules
from worker.messages import Message
from worker.telemetry import trace_context

READ_EXTRA = 8  # seconds by which the read timeout exceeds the long poll
POLL_CONNECT, POLL_ATTEMPTS = 3, 2
POLL_PART = 0.25  # of the visibility timeout at most, because leases start before the long poll
DEFAULT_RETENTION = 345_600  # seconds; of SQS, for emulators that do not tell theirs
MAX_SKEW = 2.0  # seconds between the clocks
# Seconds; short, because the main thread waits and a lease may end. The caller retries.
SETTLE_CONNECT, SETTLE_READ, SETTLE_PATIENCE = 1, 2, 0.5


class SqsQueue:
    """One SQS queue. Thread-safe; long polls have connections of their own and delay no other call."""

    def __init__(
        self, url: str, *, receive_wait: int, clock: Callable[[], float], now: Callable[[], datetime]
    ) -> None:
        """Do not connect yet. Raises ConfigurationError for a wrong region or profile."""
        self._url = url
        self._receive_wait = receive_wait
        self._clock = clock
        self._now = now
        self._timeout = 0
        read = receive_wait + READ_EXTRA
        poll = Limits(POLL_CONNECT, read, whole=read)
        settle = Limits(SETTLE_CONNECT, SETTLE_READ, whole=SETTLE_READ)
        self._polling = SqsCalls(url, clock, poll, attempts=POLL_ATTEMPTS, patience=read)
        self._settling = SqsCalls(url, clock, settle, attempts=1, patience=SETTLE_PATIENCE)

    def rules(self) -> QueueRules:
        """Read the queue's rules. Raises ConfigurationError when it cannot be reached."""
        with raise_as(ConfigurationError, f"the queue {self._url} cannot be reached"):
            found = self._read_attributes(["VisibilityTimeout", "MessageRetentionPeriod", "RedrivePolicy"])
            policy = json.loads(found.get("RedrivePolicy", "{}"))
            return QueueRules(
                int(found["VisibilityTimeout"]),
                int(found.get("MessageRetentionPeriod", DEFAULT_RETENTION)),
                int(policy["maxReceiveCount"]) if "maxReceiveCount" in policy else None,
                self._find_dead_letter_retention(policy.get("deadLetterTargetArn", "")),
            )

    def use_visibility_timeout(self, seconds: int) -> None:
        """Hide what is received from now on for so long. Raises ConfigurationError for none at all."""
        if seconds < 1:
            raise ConfigurationError(f"the queue {self._url} has a visibility timeout of 0 s; set it to 60 s")
        self._timeout = seconds

    def receive(self, most: int) -> list[Message]:
        """Long-poll for 1 … `most` (10 at most) messages. Raises QueueError."""
        wait = min(self._receive_wait, int(self._timeout * POLL_PART))
        with raise_as(QueueError):
            answer = self._polling.call(
                "ReceiveMessage",
                MaxNumberOfMessages=most,
                WaitTimeSeconds=wait,
                VisibilityTimeout=self._timeout,
                MessageSystemAttributeNames=["SentTimestamp", "ApproximateReceiveCount", "AWSTraceHeader"],
            )
        with _reading():
            now, received = self._correct_time(answer), self._clock()
            return [_message(raw, now, received) for raw in answer.get("Messages") or []]

    def delete(self, messages: Sequence[Message]) -> list[Refused]:
        """Delete up to ten messages; returns those SQS refused. Raises QueueError."""
        entries = [_entry(index, message) for index, message in enumerate(messages)]
        return self._settle("DeleteMessageBatch", entries, messages)

    def hide(self, messages: Sequence[tuple[Message, int]]) -> list[Refused]:
        """Set the visibility timeouts of up to ten messages; returns those SQS refused.

        Timeouts are in seconds from now; 0 makes a message visible at once. Raises QueueError.
        """
        entries = [
            {**_entry(index, message), "VisibilityTimeout": seconds}
            for index, (message, seconds) in enumerate(messages)
        ]
        return self._settle("ChangeMessageVisibilityBatch", entries, [message for message, _ in messages])

    def _read_attributes(self, names: Sequence[str], **other: str) -> dict[str, str]:
        attributes: dict[str, str] = self._polling.call(
            "GetQueueAttributes", AttributeNames=[*names], **other
        )["Attributes"]
        return attributes

    def _find_dead_letter_retention(self, arn: str) -> int | None:
        """Seconds; None without a dead-letter queue, or without the right to read its attributes."""
        if not arn:
            return None
        name = "MessageRetentionPeriod"
        with suppress(BotoCoreError, ClientError, LookupError, ValueError):  # nothing depends on it
            return int(self._read_attributes([name], QueueUrl=dead_letter_url(self._url, arn))[name])
        return None

    def _settle(self, operation: str, entries: Sequence[Any], messages: Sequence[Message]) -> list[Refused]:
        with raise_as(QueueError):
            answer = self._settling.call(operation, Entries=entries)
        with _reading():
            return _find_refused(answer, messages)

    def _correct_time(self, answer: dict[str, Any]) -> datetime:
        """Return this machine's time, or SQS's own if they differ by more than MAX_SKEW.

        SQS's time has whole seconds. A machine whose clock is ahead would see every photo as late.
        """
        now = self._now()
        date = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
        theirs = parsedate_to_datetime(date) if date else now
        return now if abs((now - theirs).total_seconds()) < MAX_SKEW else theirs


def dead_letter_url(queue_url: str, arn: str) -> str:
    """Return the URL of a queue's dead-letter queue: both have the same account and region."""
    return f"{queue_url.rsplit('/', 1)[0]}/{arn.rsplit(':', 1)[1]}"


@contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except (AttributeError, LookupError, TypeError, ValueError, OverflowError) as error:
        raise QueueError(f"SQS sent an unreadable answer: {reason(error)}") from error


def _message(raw: dict[str, Any], now: datetime, received: float) -> Message:
    attributes = raw.get("Attributes", {})
    parent = trace_context.parse_xray(attributes.get("AWSTraceHeader", ""))
    return Message(
        message_id=raw["MessageId"],
        receipt_handle=raw["ReceiptHandle"],
        body=raw.get("Body", ""),
        receive_count=int(attributes.get("ApproximateReceiveCount", 1)),
        sent_at=parse_time(attributes.get("SentTimestamp")),
        received_at=now,
        received=received,
        traceparent=parent.traceparent if parent else "",
    )


def _entry(index: int, message: Message) -> dict[str, Any]:
    return {"Id": str(index), "ReceiptHandle": message.receipt_handle}  # Ids must be unique


def _find_refused(answer: dict[str, Any], messages: Sequence[Message]) -> list[Refused]:
    """Return the refused entries. SenderFault: a retry cannot help, the receipt handle is stale."""
    return [
        Refused(
            messages[int(entry["Id"])],
            f"{entry.get('Code')}: {entry.get('Message', '')}",
            stale=bool(entry.get("SenderFault")),
        )
        for entry in answer.get("Failed") or []
    ]
