"""The only files that import boto3, redis and tensorflow."""
