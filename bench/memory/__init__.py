"""SQS, S3 and Redis as if they took no time, in this process's memory; the worker's stages on them."""
