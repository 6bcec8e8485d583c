"""SQS, S3 and ECS."""
