"""SQS: the dead-letter queue of a queue, read without consuming it, and moved back by SQS itself.

A redrive needs more than the right to start it: SQS receives, deletes and sends in the caller's name (Amazon SQS
developer guide, "Amazon SQS API permissions"; limits in the API reference, StartMessageMoveTask).
"""

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from worker.adapters.aws.clients import Client, reason, session_client
from worker.errors import ConfigurationError, QueueError
from worker.upkeep.dead_letters import Letter
from worker.upkeep.redrive import Move

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

T = TypeVar("T")
BATCH = 10  # SQS's limit of entries a call, and of moves that it lists
HIDDEN = 30  # seconds: as long as a reading that is killed keeps letters from others
LONG_POLL = 1  # seconds: only a long poll asks all of SQS's servers
CONNECT, READ, ATTEMPTS = 3, 10, 3
ATTRIBUTES: Any = [
    "SentTimestamp",
    "ApproximateReceiveCount",
    "ApproximateFirstReceiveTimestamp",
    "DeadLetterQueueSourceArn",
]


class DeadLetterQueue:
    """One dead-letter queue; every method raises QueueError when a call failed."""

    def __init__(self, client: "Client[SQSClient]", url: str, arn: str) -> None:
        self._client = client
        self._url = url
        self._arn = arn

    @classmethod
    def of(cls, queue_url: str) -> Self:
        """Find the dead-letter queue of a queue by its redrive policy. Raises ConfigurationError when it has none."""
        client: Client[SQSClient] = Client(
            lambda: session_client("sqs", connect=CONNECT, read=READ, attempts=ATTEMPTS)
        )
        try:
            answer = client.call(
                lambda sqs: sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["RedrivePolicy"])
            )
            policy = json.loads(answer.get("Attributes", {}).get("RedrivePolicy", "{}"))
        except (BotoCoreError, ClientError, ValueError) as error:
            raise ConfigurationError(f"the queue {queue_url} cannot be reached: {reason(error)}") from None
        arn = policy.get("deadLetterTargetArn")
        if not arn:
            raise ConfigurationError(
                f"the queue {queue_url} has no redrive policy, and so no dead-letter queue: what cannot be scored "
                "comes again and again; docs/reference.md says how to give it one"
            )
        # Both are of one account and region, so that no right to ask for the URL is needed.
        return cls(client, f"{queue_url.rsplit('/', 1)[0]}/{arn.rsplit(':', 1)[1]}", arn)

    @property
    def name(self) -> str:
        """What the queue is called."""
        return self._arn.rsplit(":", 1)[1]

    def count(self) -> int:
        """How many messages it holds, about; hidden ones included."""
        names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self._call(lambda sqs: sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=names))
        return sum(int(count) for count in answer.get("Attributes", {}).values())

    def receive(self, most: int) -> list[Letter]:
        """Receive up to ten letters, hidden from others for HIDDEN seconds; none when there are none left."""
        answer = self._call(
            lambda sqs: sqs.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=min(most, BATCH),
                WaitTimeSeconds=LONG_POLL,
                VisibilityTimeout=HIDDEN,
                MessageSystemAttributeNames=ATTRIBUTES,
            )
        )
        return [_letter(raw) for raw in answer.get("Messages", [])]

    def show(self, letters: Sequence[Letter]) -> int:
        """Show letters again at once; how many that was refused for, which show themselves after HIDDEN seconds."""
        refused = 0
        for ten in _tens(letters):
            entries: Any = [
                {"Id": str(number), "ReceiptHandle": letter.receipt_handle, "VisibilityTimeout": 0}
                for number, letter in enumerate(ten)
            ]
            answer = self._change(entries)
            refused += len(answer.get("Failed", []))
        return refused

    def moves(self) -> list[Move]:
        """Give the last moves out of this queue, the newest first."""
        answer = self._call(lambda sqs: sqs.list_message_move_tasks(SourceArn=self._arn, MaxResults=BATCH))
        return [_move(raw) for raw in answer.get("Results", [])]

    def start(self, rate: int) -> None:
        """Let SQS move every letter to the queue it came from, so many a second."""
        self._call(
            lambda sqs: sqs.start_message_move_task(SourceArn=self._arn, MaxNumberOfMessagesPerSecond=rate)
        )

    def cancel(self, handle: str) -> int:
        """Stop a move; about how many letters it had moved, which stay moved."""
        answer = self._call(lambda sqs: sqs.cancel_message_move_task(TaskHandle=handle))
        return int(answer.get("ApproximateNumberOfMessagesMoved", 0))

    def _change(self, entries: Any) -> Any:
        return self._call(
            lambda sqs: sqs.change_message_visibility_batch(QueueUrl=self._url, Entries=entries)
        )

    def _call(self, use: "Callable[[SQSClient], T]") -> T:
        try:
            return self._client.call(use)
        except (BotoCoreError, ClientError, ValueError) as error:  # ValueError: an answer that cannot be read
            raise QueueError(f"the dead-letter queue {self.name}: {reason(error)}") from error


def _tens(letters: Sequence[Letter]) -> Iterator[Sequence[Letter]]:
    return (letters[start : start + BATCH] for start in range(0, len(letters), BATCH))


def _letter(raw: Any) -> Letter:
    attributes = raw.get("Attributes", {})
    return Letter(
        message_id=raw["MessageId"],
        receipt_handle=raw["ReceiptHandle"],
        body=raw.get("Body", ""),
        receive_count=int(attributes.get("ApproximateReceiveCount", 1)),
        sent_at=_moment(attributes.get("SentTimestamp")),
        first_received_at=_moment(attributes.get("ApproximateFirstReceiveTimestamp")),
        source=attributes.get("DeadLetterQueueSourceArn"),
    )


def _move(raw: Any) -> Move:
    return Move(
        status=raw.get("Status", "RUNNING"),
        moved=raw.get("ApproximateNumberOfMessagesMoved") or 0,
        of=raw.get("ApproximateNumberOfMessagesToMove"),
        rate=raw.get("MaxNumberOfMessagesPerSecond"),
        started_at=_moment(raw.get("StartedTimestamp")),
        handle=raw.get("TaskHandle"),
        failure=raw.get("FailureReason"),
    )


def _moment(milliseconds: str | int | None) -> datetime | None:
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC) if milliseconds else None
