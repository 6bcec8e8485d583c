"""Scores food photos: S3 upload event in, result in Redis, message deleted last."""

import os

# The same as in pyproject.toml, which the image does not have: there, a variable has it, with the commit.
__version__ = os.environ.get("PHOTO_SCORE_VERSION") or "0.1.0"

STATE_FILE = "/tmp/photo-score-worker.json"  # noqa: S108 - the default; replaced as a whole, never opened for writing
