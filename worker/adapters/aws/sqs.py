"""SQS: messages in; deletes and visibility out, up to ten a call, each refused entry told."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from worker.adapters.aws.clients import Client, reason, session_client
from worker.errors import ConfigurationError, QueueError
from worker.intake.s3_uploads import Refused
from worker.messages import Message

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

READ_EXTRA = 8  # seconds by which the read time-out outlasts the long poll
POLL_CONNECT, POLL_ATTEMPTS = 3, 2
POLL_PART = 0.25  # of the visibility timeout at most: leases are reckoned from before the receive
SKEW = 2.0  # seconds
SETTLE_CONNECT, SETTLE_READ = 1, 2  # the main thread waits for it, a lease may end: whoever calls tries again


class SqsQueue:
    """One SQS queue; thread-safe. Long polls have a client of their own, so that nothing waits behind them."""

    def __init__(
        self, url: str, *, receive_wait: int, clock: Callable[[], float], now: Callable[[], datetime]
    ) -> None:
        """Connect to nothing yet. Raises ConfigurationError when region or profile are missing or wrong."""
        self._url = url
        self._receive_wait = receive_wait
        self._clock = clock
        self._now = now
        self._timeout = 0
        read = receive_wait + READ_EXTRA
        self._polling: Client[SQSClient] = Client(
            lambda: session_client("sqs", connect=POLL_CONNECT, read=read, attempts=POLL_ATTEMPTS)
        )
        self._settling: Client[SQSClient] = Client(
            lambda: session_client(
                "sqs",
                connect=SETTLE_CONNECT,
                read=SETTLE_READ,
                attempts=1,
                max_pool_connections=4,
            )
        )

    def visibility_timeout(self, wanted: int | None) -> int:
        """Read the queue's own timeout in seconds, unless another is wanted; it is used from now on.

        Raises ConfigurationError when the queue cannot be reached.
        """
        try:
            answer = self._polling.call(
                lambda sqs: sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["VisibilityTimeout"])
            )
            own = int(answer["Attributes"]["VisibilityTimeout"])
        except (BotoCoreError, ClientError, KeyError) as error:
            raise ConfigurationError(f"the queue {self._url} cannot be reached: {reason(error)}") from None
        self._timeout = wanted or own
        if self._timeout < 1:
            raise ConfigurationError(
                f"the queue {self._url} has a visibility timeout of 0 s; 60 s is a good one"
            )
        return self._timeout

    def receive(self, most: int) -> list[Message]:
        """Long-poll for 1 … `most` (10 at most) messages. Raises QueueError."""
        answer: Any = self._call(
            self._polling,
            lambda sqs: sqs.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=most,
                WaitTimeSeconds=min(self._receive_wait, int(self._timeout * POLL_PART)),
                VisibilityTimeout=self._timeout,
                MessageSystemAttributeNames=["SentTimestamp", "ApproximateReceiveCount"],
            ),
        )
        try:
            now, received = self._true_time(answer), self._clock()
            return [_message(raw, now, received) for raw in answer.get("Messages", [])]
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise QueueError(f"SQS sent a message that cannot be read: {reason(error)}") from error

    def delete(self, messages: Sequence[Message]) -> list[Refused]:
        """Delete up to ten. Raises QueueError."""
        entries: Any = [_entry(index, message) for index, message in enumerate(messages)]
        answer = self._call(
            self._settling, lambda sqs: sqs.delete_message_batch(QueueUrl=self._url, Entries=entries)
        )
        return _refused(answer, messages)

    def hide(self, messages: Sequence[tuple[Message, int]]) -> list[Refused]:
        """Set how many seconds from now on each of up to ten stays hidden; 0 shows it. Raises QueueError."""
        entries: Any = [
            {**_entry(index, message), "VisibilityTimeout": seconds}
            for index, (message, seconds) in enumerate(messages)
        ]
        answer = self._call(
            self._settling,
            lambda sqs: sqs.change_message_visibility_batch(QueueUrl=self._url, Entries=entries),
        )
        return _refused(answer, [message for message, _ in messages])

    @staticmethod
    def _call(client: "Client[SQSClient]", use: "Callable[[SQSClient], Any]") -> dict[str, Any]:
        try:
            answer = client.call(use)
        except (BotoCoreError, ClientError, ValueError) as error:  # ValueError: an answer that cannot be read
            raise QueueError(reason(error)) from error
        if not isinstance(answer, dict):
            raise QueueError("SQS answered with nothing")
        return answer

    def _true_time(self, answer: dict[str, Any]) -> datetime:
        """This machine's time; SQS's own where they differ by more than the answer's whole seconds can explain.

        Else a clock that runs ahead would make every photo late.
        """
        now = self._now()
        said = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
        theirs = parsedate_to_datetime(said) if said else now
        return now if abs((now - theirs).total_seconds()) < SKEW else theirs


def _message(raw: dict[str, Any], now: datetime, received: float) -> Message:
    attributes = raw.get("Attributes", {})
    sent = attributes.get("SentTimestamp")
    return Message(
        message_id=raw["MessageId"],
        receipt_handle=raw["ReceiptHandle"],
        body=raw.get("Body", ""),
        receive_count=int(attributes.get("ApproximateReceiveCount", 1)),
        sent_at=datetime.fromtimestamp(int(sent) / 1000, UTC) if sent else None,
        received_at=now,
        received=received,
    )


def _entry(index: int, message: Message) -> dict[str, Any]:
    return {"Id": str(index), "ReceiptHandle": message.receipt_handle}  # an index: no Id twice in a call


def _refused(answer: dict[str, Any], messages: Sequence[Message]) -> list[Refused]:
    """SQS marks as the sender's fault what trying again cannot mend: here, a receipt handle that is no longer good."""
    return [
        Refused(
            messages[int(entry["Id"])],
            f"{entry.get('Code')}: {entry.get('Message', '')}",
            stale=bool(entry.get("SenderFault")),
        )
        for entry in answer.get("Failed", [])
    ]
