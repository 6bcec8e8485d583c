"""SQS, S3, ECS and credentials."""
