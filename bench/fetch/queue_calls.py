"""The CPU time of SQS's calls for ten messages, by the worker and by boto3; runs in a process of its own.

    python -m bench.fetch.queue_calls ROUNDS

Prints JSON: protocol → call → way → the median of the milliseconds and their bounds. The ways take
turns. The server is another process, whose time does not count; its connections are kept.
"""

import json
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from bench.fetch.ways import BOTO3, WORKER, Way, by_protocol, compare
from worker.adapters.aws.clients import sqs_client
from worker.adapters.aws.sqs import SqsQueue

RECEIVE, DELETE = "receive", "delete"
MESSAGES = 10  # of a call
COUNT = 60  # calls in each turn
URL = "https://sqs.us-east-1.amazonaws.com/111122223333/photo-uploads"


def main() -> None:
    """Measure in as many rounds as the argument says."""
    rounds = int(sys.argv[1])
    measured = by_protocol(lambda: {call: compare(found, COUNT, rounds) for call, found in calls().items()})
    print(json.dumps(measured))


def calls() -> Mapping[str, Mapping[str, Way]]:
    """Make each way's client: call → way → what calls once."""
    queue = SqsQueue(URL, receive_wait=0, clock=time.monotonic, now=lambda: datetime.now(UTC))
    queue.use_visibility_timeout(60)
    boto3 = sqs_client(connect=1, read=1, attempts=1)
    messages = queue.receive(MESSAGES)
    entries: Any = [{"Id": str(n), "ReceiptHandle": one.receipt_handle} for n, one in enumerate(messages)]
    names: Any = ["SentTimestamp", "ApproximateReceiveCount"]
    asked: Any = {"MaxNumberOfMessages": MESSAGES, "MessageSystemAttributeNames": names}
    return {
        RECEIVE: {
            WORKER: lambda: queue.receive(MESSAGES),
            BOTO3: lambda: boto3.call(lambda sqs: sqs.receive_message(QueueUrl=URL, **asked)),
        },
        DELETE: {
            WORKER: lambda: queue.delete(messages),
            BOTO3: lambda: boto3.call(lambda sqs: sqs.delete_message_batch(QueueUrl=URL, Entries=entries)),
        },
    }


if __name__ == "__main__":
    main()
