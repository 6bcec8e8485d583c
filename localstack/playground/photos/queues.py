"""The queue and its dead-letter queue at SQS, read without consuming anything."""

import re
from typing import Any

from worker.adapters.aws import s3
from worker.adapters.aws.clients import raise_as, sqs_client
from worker.adapters.aws.dead_letters import DeadLetterQueue
from worker.commands import dead_letter_list
from worker.connections import result_store
from worker.decoders.decoder import Decoder
from worker.errors import QueueError
from worker.settings import Settings
from worker.upkeep import redrive
from worker.upkeep.dead_letters import Examiner, Finding, Letter

CONNECT, READ, ATTEMPTS = 1.0, 3.0, 1  # seconds; it is asked again soon
NAMES: Any = [
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
]
MOST = 100  # dead letters that are read
RATE = 100  # letters a second that are moved back


class SqsQueues:
    """Thread-safe. All methods raise QueueError."""

    def __init__(self, settings: Settings, decoder: Decoder, storage: s3.Photos) -> None:
        """Connect. Raises ConfigurationError."""
        self._url = settings.queue_url
        self._sqs = sqs_client(connect=CONNECT, read=READ, attempts=ATTEMPTS)
        self._dead = DeadLetterQueue.of(settings.queue_url)
        self._examiner = Examiner(
            storage,
            result_store(settings),
            buckets=frozenset(settings.buckets),
            image_id_pattern=re.compile(settings.image_id_pattern),
            decoder=decoder,
        )

    def waiting(self) -> int:
        """How many messages the queue holds, hidden ones included."""
        with raise_as(QueueError):
            answer = self._sqs.call(
                lambda sqs: sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=NAMES)
            )
        return sum(int(count) for count in answer.get("Attributes", {}).values())

    def count(self) -> int:
        """How many dead letters there are."""
        return self._dead.count()

    def read(self) -> list[Letter]:
        """Read all dead letters; they stay where they are."""
        return dead_letter_list.read(self._dead, MOST)

    def examine(self, letter: Letter) -> Finding:
        """Find out what is wrong with one."""
        return self._examiner.examine(letter)[0]

    def redrive(self) -> None:
        """Let SQS move all of them back."""
        redrive.start(self._dead, RATE)
