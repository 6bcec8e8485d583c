"""Message bodies in the five shapes, for a given object."""

import json
from typing import Any


def notification(bucket: str, *keys: str, event: str = "ObjectCreated:Put", **fields: Any) -> dict[str, Any]:
    """S3 → SQS, with a record for each URL-encoded key; `fields` go into `object`."""
    return {
        "Records": [
            {
                "eventVersion": "2.1",
                "eventSource": "aws:s3",
                "awsRegion": "us-east-1",
                "eventTime": "2026-01-01T00:00:00.000Z",
                "eventName": event,
                "s3": {
                    "s3SchemaVersion": "1.0",
                    "bucket": {"name": bucket, "arn": f"arn:aws:s3:::{bucket}"},
                    "object": {"key": key, **fields},
                },
            }
            for key in keys
        ]
    }


def in_sns(inner: object) -> dict[str, Any]:
    """S3 → SNS → SQS."""
    return {
        "Type": "Notification",
        "MessageId": "00000000-0000-4000-8000-000000000000",
        "TopicArn": "arn:aws:sns:us-east-1:111122223333:uploads",
        "Subject": "Amazon S3 Notification",
        "Message": json.dumps(inner),
        "Timestamp": "2026-01-01T00:00:00.000Z",
    }


def eventbridge(bucket: str, key: str) -> dict[str, Any]:
    """S3 → EventBridge → SQS."""
    return {
        "version": "0",
        "detail-type": "Object Created",
        "source": "aws.s3",
        "time": "2026-01-01T00:00:00Z",
        "detail": {"version": "0", "bucket": {"name": bucket}, "object": {"key": key}, "reason": "PutObject"},
    }


def direct(bucket: str, key: str, **fields: Any) -> dict[str, Any]:
    """The API's own request."""
    return {"bucket": bucket, "key": key, **fields}
