"""Scores food photos: S3 upload event in, result in Redis, message deleted last."""
