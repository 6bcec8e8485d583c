"""SQS: reads a dead-letter queue without consuming it, and lets SQS redrive it.

A redrive needs more rights than StartMessageMoveTask: SQS receives, deletes and sends in the
caller's name (Amazon SQS developer guide, "Amazon SQS API permissions"; limits in the API
reference, StartMessageMoveTask).
"""

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Self, TypeVar

from worker.adapters.aws.clients import Client, parse_time, raise_as, sqs_client
from worker.adapters.aws.sqs import dead_letter_url
from worker.errors import ConfigurationError, QueueError
from worker.upkeep.dead_letters import Letter
from worker.upkeep.redrive import Move

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

T = TypeVar("T")
BATCH = 10  # SQS's limit of entries in a call, and of moves that it lists
VISIBILITY_TIMEOUT = 30  # seconds for which a reader that gets killed hides letters from others
LONG_POLL = 1  # seconds: only a long poll asks all of SQS's servers
CONNECT, READ, ATTEMPTS = 3, 10, 3
ATTRIBUTES: Any = [
    "SentTimestamp",
    "ApproximateReceiveCount",
    "ApproximateFirstReceiveTimestamp",
    "DeadLetterQueueSourceArn",
    "SenderId",
]


class DeadLetterQueue:
    """One dead-letter queue. Every method raises QueueError when a call failed."""

    def __init__(self, client: "Client[SQSClient]", url: str, arn: str) -> None:
        self._client = client
        self._url = url
        self._arn = arn

    @classmethod
    def of(cls, queue_url: str) -> Self:
        """Find a queue's dead-letter queue. Raises ConfigurationError without a redrive policy."""
        client = sqs_client(connect=CONNECT, read=READ, attempts=ATTEMPTS)
        with raise_as(ConfigurationError, f"the queue {queue_url} cannot be reached"):
            answer = client.call(
                lambda sqs: sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["RedrivePolicy"])
            )
            policy = json.loads(answer.get("Attributes", {}).get("RedrivePolicy", "{}"))
        arn = policy.get("deadLetterTargetArn")
        if not arn:
            raise ConfigurationError(
                f"the queue {queue_url} has no redrive policy, and so no dead-letter queue: messages that cannot be "
                "scored are redelivered for ever; localstack/init/ready.d/provision.py shows one"
            )
        return cls(client, dead_letter_url(queue_url, arn), arn)

    @property
    def name(self) -> str:
        """The queue's name."""
        return self._arn.rsplit(":", 1)[1]

    def count(self) -> int:
        """Return about how many messages the queue holds, hidden ones included."""
        names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self._call(lambda sqs: sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=names))
        return sum(int(count) for count in answer.get("Attributes", {}).values())

    def receive(self, most: int) -> list[Letter]:
        """Receive up to ten letters, hidden from others for VISIBILITY_TIMEOUT."""
        answer = self._call(
            lambda sqs: sqs.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=min(most, BATCH),
                WaitTimeSeconds=LONG_POLL,
                VisibilityTimeout=VISIBILITY_TIMEOUT,
                MessageSystemAttributeNames=ATTRIBUTES,
            )
        )
        return [_letter(raw) for raw in answer.get("Messages", [])]

    def release(self, letters: Sequence[Letter]) -> int:
        """Make letters visible again; returns how many SQS refused: they stay hidden."""
        return sum(
            self._release_batch(letters[start : start + BATCH]) for start in range(0, len(letters), BATCH)
        )

    def _release_batch(self, letters: Sequence[Letter]) -> int:
        entries: Any = [
            {"Id": str(number), "ReceiptHandle": letter.receipt_handle, "VisibilityTimeout": 0}
            for number, letter in enumerate(letters)
        ]
        answer = self._call(
            lambda sqs: sqs.change_message_visibility_batch(QueueUrl=self._url, Entries=entries)
        )
        return len(answer.get("Failed", []))

    def delete(self, letter: Letter) -> None:
        """Delete a letter, for good."""
        self._call(lambda sqs: sqs.delete_message(QueueUrl=self._url, ReceiptHandle=letter.receipt_handle))

    def moves(self) -> list[Move]:
        """Return the last moves out of this queue, newest first."""
        answer = self._call(lambda sqs: sqs.list_message_move_tasks(SourceArn=self._arn, MaxResults=BATCH))
        return [_move(raw) for raw in answer.get("Results", [])]

    def start(self, rate: int) -> None:
        """Let SQS move every letter to the queue it came from, `rate` letters a second."""
        self._call(
            lambda sqs: sqs.start_message_move_task(SourceArn=self._arn, MaxNumberOfMessagesPerSecond=rate)
        )

    def cancel(self, handle: str) -> int:
        """Stop a move; returns about how many letters it has moved. Those stay moved."""
        answer = self._call(lambda sqs: sqs.cancel_message_move_task(TaskHandle=handle))
        return int(answer.get("ApproximateNumberOfMessagesMoved", 0))

    def _call(self, use: "Callable[[SQSClient], T]") -> T:
        with raise_as(QueueError, f"the dead-letter queue {self.name}"):
            return self._client.call(use)


def _letter(raw: Any) -> Letter:
    attributes = raw.get("Attributes", {})
    return Letter(
        message_id=raw["MessageId"],
        receipt_handle=raw["ReceiptHandle"],
        body=raw.get("Body", ""),
        receive_count=int(attributes.get("ApproximateReceiveCount", 1)),
        sent_at=parse_time(attributes.get("SentTimestamp")),
        first_received_at=parse_time(attributes.get("ApproximateFirstReceiveTimestamp")),
        source=attributes.get("DeadLetterQueueSourceArn"),
        sender=attributes.get("SenderId"),
    )


def _move(raw: Any) -> Move:
    return Move(
        status=raw.get("Status", "RUNNING"),
        moved=raw.get("ApproximateNumberOfMessagesMoved") or 0,
        of=raw.get("ApproximateNumberOfMessagesToMove"),
        rate=raw.get("MaxNumberOfMessagesPerSecond"),
        started_at=parse_time(raw.get("StartedTimestamp")),
        handle=raw.get("TaskHandle"),
        failure=raw.get("FailureReason"),
    )
