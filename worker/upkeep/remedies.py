"""Advice for dead letters: what to do, by the code of what is wrong."""

from enum import IntEnum

NOTHING_WRONG, ALREADY_SCORED, IGNORED = "nothing_wrong", "already_scored", "ignored"


class Remedy(IntEnum):
    """What to do with a dead letter. The highest remedy of its records counts."""

    DELETE = 0  # nobody needs it
    REDRIVE = 1  # a worker can finish it
    MEND = 2  # fix the cause first


_FAILED = (Remedy.REDRIVE, "redrive: the uploader gets a `failed` result; delete if nobody waits for one")
ADVICE = {
    NOTHING_WRONG: (Remedy.REDRIVE, "redrive: the trouble is over"),
    ALREADY_SCORED: (Remedy.DELETE, "delete; a redrive costs one look-up each"),
    IGNORED: (Remedy.DELETE, "delete; after a redrive a worker deletes it"),
    "unknown_body": (Remedy.MEND, "find out who sends this and fix the sender; then delete"),
    "no_image_id": (Remedy.MEND, "fix the sender, or fix WORKER_IMAGE_ID_PATTERN and redrive"),
    "foreign_bucket": (
        Remedy.MEND,
        "add the bucket to WORKER_BUCKETS and redrive; delete if it is not yours",
    ),
    "object_gone": _FAILED,
    "empty_object": _FAILED,
    "unsupported_format": _FAILED,
    "unreadable_image": _FAILED,
    "too_costly": _FAILED,
    "decoder_crashed": _FAILED,
    "too_many_bytes": (Remedy.MEND, "raise WORKER_MAX_BYTES, then redrive; else it gets a `failed` result"),
    "too_many_pixels": (Remedy.MEND, "raise WORKER_MAX_PIXELS, then redrive; else it gets a `failed` result"),
    "object_archived": (
        Remedy.MEND,
        "restore the object from its archive, then redrive; else it gets a `failed` result",
    ),
    "storage_trouble": (Remedy.MEND, "wait until S3 answers, or fix network and credentials; then redrive"),
    "access_denied": (
        Remedy.MEND,
        "fix the rights on bucket and object (s3:GetObject, s3:ListBucket, kms:Decrypt); then redrive",
    ),
    "kms_refused": (Remedy.MEND, "enable the KMS key, or cancel its deletion; then redrive"),
    "bucket_gone": (Remedy.MEND, "create the bucket again and redrive; delete if it went for good"),
    "object_refused": (Remedy.MEND, "see what S3 says of the object; mend it, then redrive"),
    "out_of_memory": (Remedy.MEND, "give the task more memory, or lower WORKER_MAX_PIXELS; then redrive"),
}
