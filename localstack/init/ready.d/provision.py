"""Creates bucket, queues, policy and notification, as soon as LocalStack is ready.

LocalStack runs every file in its folder init/ready.d. All calls here can be repeated. A deployment
needs the same parts; the variables below take other names.
"""

import json
import os
from typing import Any

import boto3

BUCKET = os.environ.get("PHOTO_BUCKET", "photos")
QUEUE = os.environ.get("PHOTO_QUEUE", "photo-uploads")
DEAD_LETTERS = f"{QUEUE}-dead"
REGION = os.environ.get("AWS_DEFAULT_REGION", "us-east-1")
ACCOUNT = "000000000000"  # LocalStack's only account
RECEIVES = 5  # receives until a message goes to the dead-letter queue
TWO_WEEKS = 14 * 24 * 3600  # seconds; the longest SQS keeps a message


def main() -> None:
    """Create everything, each part after those it refers to."""
    gateway = f"http://127.0.0.1:{os.environ.get('GATEWAY_PORT', '4566')}"
    session = boto3.Session("test", "test", region_name=REGION)
    sqs, s3 = session.client("sqs", endpoint_url=gateway), session.client("s3", endpoint_url=gateway)
    sqs.create_queue(QueueName=DEAD_LETTERS, Attributes={"MessageRetentionPeriod": str(TWO_WEEKS)})
    url = sqs.create_queue(QueueName=QUEUE)["QueueUrl"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes())
    s3.create_bucket(Bucket=BUCKET)
    uploads: Any = {"QueueArn": arn(QUEUE), "Events": ["s3:ObjectCreated:*"]}
    s3.put_bucket_notification_configuration(
        Bucket=BUCKET, NotificationConfiguration={"QueueConfigurations": [uploads]}
    )


def attributes() -> dict[Any, str]:
    """Attributes of the queue: policy, visibility timeout, long polling, dead-letter queue."""
    redrive = {"deadLetterTargetArn": arn(DEAD_LETTERS), "maxReceiveCount": RECEIVES}
    return {
        "VisibilityTimeout": "60",
        "ReceiveMessageWaitTimeSeconds": "20",
        "RedrivePolicy": json.dumps(redrive),
        "Policy": json.dumps(policy()),
    }


def policy() -> dict[str, object]:
    """Allow S3 to send, for this bucket of this account only."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "s3.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": arn(QUEUE),
                "Condition": {
                    "ArnLike": {"aws:SourceArn": f"arn:aws:s3:::{BUCKET}"},
                    "StringEquals": {"aws:SourceAccount": ACCOUNT},
                },
            }
        ],
    }


def arn(queue: str) -> str:
    """ARN of a queue."""
    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}"


main()
