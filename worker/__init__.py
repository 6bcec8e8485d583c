"""Scores food photos: S3 upload event in, result in Redis, message deleted last."""

__version__ = "0.1.0"  # the same as in pyproject.toml, which the image does not have

STATE_FILE = "/tmp/photo-score-worker.json"  # noqa: S108 - the default; replaced as a whole, never opened for writing
