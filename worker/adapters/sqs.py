"""SQS: messages in; deletes, releases and extensions out, ten at a time, every failed entry handled."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from worker.adapters.s3 import Photos, configured
from worker.errors import ConfigurationError, QueueError, Verdict
from worker.leases import Leases
from worker.messages import Fetched, Message, Outcome, Upload
from worker.telemetry import Telemetry

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

BATCH = 10  # SQS's limit of entries a call
MOST_HIDDEN = 43_200  # seconds: SQS's limit of a visibility timeout


def polling_client(receive_wait: int) -> "SQSClient":
    """Make a client whose read time-out outlasts the long poll."""
    return _client(connect=3, read=receive_wait + 10, attempts=4)


def settling_client() -> "SQSClient":
    """Make a client for deletes and visibility: the main thread waits for it, and a stop has a deadline."""
    return _client(connect=2, read=3, attempts=2)


def _client(connect: int, read: int, attempts: int) -> "SQSClient":
    retries: Any = {"mode": "adaptive", "total_max_attempts": attempts}
    with configured():
        return boto3.client("sqs", config=Config(connect_timeout=connect, read_timeout=read, retries=retries))


def visibility_timeout(sqs: "SQSClient", queue_url: str) -> int:
    """Read the queue's own timeout in seconds. Raises ConfigurationError when the queue cannot be reached."""
    try:
        answer = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["VisibilityTimeout"])
        seconds = int(answer["Attributes"]["VisibilityTimeout"])
    except (BotoCoreError, ClientError, KeyError) as error:
        raise ConfigurationError(f"the queue {queue_url} cannot be reached: {_reason(error)}") from None
    if seconds < 1:
        raise ConfigurationError(f"the queue {queue_url} has a visibility timeout of 0 s; 60 s is a good one")
    return seconds


class S3Uploads:
    """The source of photos that S3 announces on one queue; thread-safe."""

    def __init__(
        self,
        *,
        polling: "SQSClient",
        settling: "SQSClient",
        photos: Photos,
        queue_url: str,
        receive_wait: int,
        timeout: int,
        retry_delay: Callable[[int], int],
        leases: Leases,
        telemetry: Telemetry,
        clock: Callable[[], float],
        now: Callable[[], datetime],
    ) -> None:
        self._polling = polling
        self._settling = settling
        self._photos = photos
        self._queue_url = queue_url
        self._receive_wait = receive_wait
        self._timeout = timeout
        self._retry_delay = retry_delay
        self._leases = leases
        self._telemetry = telemetry
        self._clock = clock
        self._now = now

    def receive(self, most: int) -> list[Message]:
        """Long-poll for 1 … `most` (10 at most) messages; their leases have begun. Raises QueueError."""
        asked = self._clock()
        try:
            answer = self._polling.receive_message(
                QueueUrl=self._queue_url,
                MaxNumberOfMessages=most,
                WaitTimeSeconds=self._receive_wait,
                VisibilityTimeout=self._timeout,
                MessageSystemAttributeNames=["SentTimestamp", "ApproximateReceiveCount"],
            )
        except (BotoCoreError, ClientError) as error:
            raise QueueError(_reason(error)) from error
        messages = [self._message(raw) for raw in answer.get("Messages", [])]
        self._leases.hold(messages)
        self._telemetry.received(len(messages), self._clock() - asked)
        return messages

    def fetch(self, upload: Upload, max_bytes: int) -> Fetched:
        """Read the photo from S3."""
        return self._photos.fetch(upload.object, max_bytes)

    def settle(self, outcomes: list[Outcome]) -> None:
        """Delete or release each message that is done with; one with open records waits for them."""
        done: dict[Verdict, list[Message]] = {verdict: [] for verdict in Verdict}
        for outcome in outcomes:
            verdict = self._leases.settle_record(outcome.message, outcome.verdict)
            if verdict is not None:
                done[verdict].append(outcome.message)
        self._delete(done[Verdict.ACKNOWLEDGE])
        self._hide(done[Verdict.RELEASE], lambda message: self._retry_delay(message.receive_count))

    def extend_due(self) -> None:
        """Hold on to what is in work: to be called every second or so."""
        due = self._leases.due()
        if due:
            self._telemetry.count("leases_extended", len(due))
            self._hide(due, lambda _: self._timeout)

    def release_all(self) -> int:
        """Give back at once whatever is not settled; how many messages that were."""
        left = self._leases.outstanding()
        self._leases.drop(left)
        self._hide(left, lambda _: 0)
        return len(left)

    def _message(self, raw: Any) -> Message:
        attributes = raw.get("Attributes", {})
        sent = attributes.get("SentTimestamp")
        return Message(
            message_id=raw["MessageId"],
            receipt_handle=raw["ReceiptHandle"],
            body=raw.get("Body", ""),
            receive_count=int(attributes.get("ApproximateReceiveCount", 1)),
            sent_at=datetime.fromtimestamp(int(sent) / 1000, UTC) if sent else None,
            received_at=self._now(),
            received=self._clock(),
        )

    def _delete(self, messages: Sequence[Message]) -> None:
        """A message that stays undeleted comes again and costs one look-up; it is not lost."""

        def call(entries: list[Any]) -> Any:
            return self._settling.delete_message_batch(QueueUrl=self._queue_url, Entries=entries)

        self._in_tens("delete", messages, call, lambda _: {})

    def _hide(self, messages: Sequence[Message], seconds: Callable[[Message], int]) -> None:
        """Set how long messages stay hidden from now on; 0 shows them at once."""

        def call(entries: list[Any]) -> Any:
            return self._settling.change_message_visibility_batch(QueueUrl=self._queue_url, Entries=entries)

        self._in_tens(
            "change_visibility", messages, call, lambda m: {"VisibilityTimeout": min(MOST_HIDDEN, seconds(m))}
        )

    def _in_tens(
        self,
        verb: str,
        messages: Sequence[Message],
        call: Callable[[list[Any]], Any],
        extra: Callable[[Message], dict[str, Any]],
    ) -> None:
        """Make the call for each ten; entries that failed at SQS's fault are tried once more, the rest is said."""
        for ten in _tens(messages):
            failed = self._call(verb, ten, call, extra)
            again = [message for message, entry in failed if not entry.get("SenderFault")]
            given_up = [(m, e) for m, e in failed if e.get("SenderFault")]
            given_up += self._call(verb, again, call, extra) if again else []
            for message, entry in given_up:
                self._telemetry.warn(
                    f"{verb}_failed",
                    message_id=message.message_id,
                    code=entry.get("Code"),
                    reason=entry.get("Message"),
                )

    def _call(
        self,
        verb: str,
        messages: Sequence[Message],
        call: Callable[[list[Any]], Any],
        extra: Callable[[Message], dict[str, Any]],
    ) -> list[tuple[Message, dict[str, Any]]]:
        entries = [
            {"Id": str(index), "ReceiptHandle": message.receipt_handle, **extra(message)}
            for index, message in enumerate(messages)
        ]
        try:
            answer = call(entries)
        except (BotoCoreError, ClientError) as error:  # after botocore's own retries
            self._telemetry.warn(f"{verb}_failed", messages=len(messages), reason=_reason(error))
            return []
        return [(messages[int(entry["Id"])], entry) for entry in answer.get("Failed", [])]


def back_off(first: int, most: int) -> Callable[[int], int]:
    """Seconds until a released message is seen again, doubled at each receive."""
    return lambda receive_count: min(most, first * 2 ** min(max(0, receive_count - 1), 20))


def _tens(messages: Sequence[Message]) -> Iterator[Sequence[Message]]:
    for start in range(0, len(messages), BATCH):
        yield messages[start : start + BATCH]


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
