"""What to do with a dead letter, by what was found to be wrong with it: the codes of errors.py and three more."""

from enum import IntEnum

NOTHING_WRONG, ALREADY_SCORED, IGNORED = "nothing_wrong", "already_scored", "ignored"


class Remedy(IntEnum):
    """What is to be done with a dead letter; of several records' remedies the highest counts."""

    DELETE = 0  # nobody misses it
    REDRIVE = 1  # a worker can finish it
    MEND = 2  # something else first


_FAILED = (Remedy.REDRIVE, "redrive: a `failed` result tells the uploader; delete where nobody waits for one")
ADVICE = {  # code → what to do, in short and in words
    NOTHING_WRONG: (Remedy.REDRIVE, "redrive: whatever was wrong has passed"),
    ALREADY_SCORED: (Remedy.DELETE, "delete; or redrive, which costs a look-up each"),
    IGNORED: (Remedy.DELETE, "delete; or redrive, and a worker deletes it"),
    "unknown_body": (Remedy.MEND, "find out who sends this and mend that; then delete"),
    "no_image_id": (Remedy.MEND, "mend the sender, or WORKER_IMAGE_ID_PATTERN and redrive"),
    "foreign_bucket": (
        Remedy.MEND,
        "add the bucket to WORKER_BUCKETS and redrive; delete if it is not yours",
    ),
    "object_gone": _FAILED,
    "empty_object": _FAILED,
    "unsupported_format": _FAILED,
    "unreadable_image": _FAILED,
    "too_many_bytes": (
        Remedy.MEND,
        "raise WORKER_MAX_BYTES and redrive; else a redrive writes a `failed` result",
    ),
    "too_many_pixels": (
        Remedy.MEND,
        "raise WORKER_MAX_PIXELS and redrive; else a redrive writes a `failed` result",
    ),
    "storage_trouble": (
        Remedy.MEND,
        "mend bucket, key or rights (s3:GetObject, s3:ListBucket, kms:Decrypt); redrive",
    ),
    "out_of_memory": (Remedy.MEND, "give the task more memory, or lower WORKER_MAX_PIXELS; redrive"),
}
