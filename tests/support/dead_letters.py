"""Makes dead letters the way SQS does."""

import uuid
from typing import Any

from tests.support import bodies
from tests.support.rig import Rig
from tests.support.waiting import eventually


def new_id() -> str:
    return str(uuid.uuid4())


def upload(rig: Rig, photo: bytes) -> dict[str, Any]:
    """Put a photo and return the body of its notification."""
    image_id = new_id()
    etag = rig.put(image_id, photo)
    return bodies.notification(rig.bucket, f"uploads/{image_id}.jpg", eTag=etag)


def bury(rig: Rig, *messages: object) -> None:
    """Send messages and receive each too often."""
    before = rig.left(rig.dead_url)
    for body in messages:
        rig.send(body)

    def is_buried() -> bool:
        answer = rig.sqs.receive_message(QueueUrl=rig.queue_url, MaxNumberOfMessages=10, VisibilityTimeout=0)
        return not answer.get("Messages") and rig.left(rig.dead_url) == before + len(messages)

    eventually(is_buried, rig.counts)
