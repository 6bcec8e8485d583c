"""Declares every setting; the docstring below it is its description in `--help` and in the docs."""

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

import worker
from worker.settings.consistency import contradictions
from worker.settings.door import DoorSettings
from worker.settings.values import (
    UUID_SEGMENT,
    BatchSizes,
    Buckets,
    ImageIdPattern,
    MetricsNamespace,
    Names,
    QueueUrl,
    RedisUrl,
    ResultKey,
    Service,
    number,
)


class CommonSettings(BaseModel):
    """The settings of every worker."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    # Where things are
    queue_url: QueueUrl
    """URL of the SQS queue that announces uploads."""
    buckets: Buckets
    """Buckets that photos may come from, separated by commas. Others are refused."""
    redis_url: RedisUrl
    """Redis as `redis://[user:password@]host:port/db`, or `rediss://` for TLS."""
    model: Names = ("models/reference/built/reference",)
    """Model bundles, separated by commas: folders `NAME` or `NAME/VERSION`, or the same below
    `s3://bucket/…/`. The first one gives the score."""
    model_cache: str = "/tmp/photo-score-worker-models"  # noqa: S108 - the image can write nowhere else; checksums guard it
    """Folder that models from S3 are downloaded to, and where what a start found out is kept for the next.
    Several workers may share it."""
    model_refresh: int = number(0, 0, 86_400, "s")
    """How often to look for newer versions of the models. The old versions serve until the new ones
    are ready. 0: never, a deployment brings new versions."""

    # What is accepted
    image_id_pattern: ImageIdPattern = UUID_SEGMENT
    """Regular expression to search an object key with. Its group `image_id` is the photo's id, its
    optional group `owner` the photo's owner. By default the id is the last segment of the key without
    its extension, if that is a UUID."""
    max_bytes: int = number(25_000_000, 1_000, 1_000_000_000, "bytes")
    """Largest photo that is accepted, by file size."""
    max_pixels: int = number(100_000_000, 1, 1_000_000_000, "pixels")
    """Largest photo that is accepted, by width times height."""
    colours: Literal["convert", "keep"] = "convert"
    """convert: photos are converted to sRGB by their ICC profile, HDR too. keep: pixels stay as they
    are, for models that were trained without."""
    embedded_thumbnails: Literal["auto", "off"] = "auto"
    """auto: a HEIC or AVIF is scored from the thumbnail in its file, if that covers the model's input and
    has the photo's shape, orientation and colours: far less work. off: always from the photo.
    Choose off if uploaders gain by a score or by not being a duplicate: a file's thumbnail may show
    another picture than its photo."""

    # How the work is done
    receive_wait: int = number(5, 0, 20, "s")
    """Long poll: how long a receive call waits for messages."""
    visibility_timeout: int | None = number(None, 5, 43_200, "s")
    """How long a received message stays hidden. Empty: the queue's own visibility timeout."""
    lease_most: int = number(3_600, 60, 43_200, "s")
    """Longest time a message is held, extensions included. After that other workers get it."""
    alone_after: int = number(3, 2, 1_000, "receives")
    """From this receive on, a message is worked alone: if it ends the process, no other message pays.
    The queue's maxReceiveCount must be higher."""
    upload_queue: int = number(20, 1, 10_000, "photos")
    """Capacity of the queue between poll and infer."""
    outcome_queue: int = number(64, 1, 10_000, "photos")
    """Capacity of the queue between infer and commit."""
    receivers: int = number(4, 1, 32, "threads")
    """Most receive calls at a time. There is only one while that keeps the helpers busy."""
    helpers: int = number(0, 0, 256, "threads")
    """Most photos fetched and prepared at a time. 0: sixteen per core. The worker measures how many
    of these threads it needs."""
    decoders: int = number(0, 0, 256, "processes")
    """Processes that decode photos, one at a time each. 0: one per core."""
    decode_timeout: int = number(10, 1, 300, "s")
    """Longest time that decoding a photo may take. One that takes longer fails as too costly."""
    batch_size: int = number(32, 1, 512, "photos")
    """Largest batch given to the model."""
    batch_wait: int = number(0, 0, 10_000, "ms")
    """Longest wait for a fuller batch, counted from its first photo. The worker waits only if that
    pays, and never beyond the objective."""
    objective: int = number(1_000, 1, 86_400_000, "ms")
    """Target time from a photo's upload to its score."""
    engine: Literal["auto", "tensorflow", "litert", "openvino"] = "auto"
    """What runs the model on a CPU. auto: what a race at start finds fastest with the same answers.
    LiteRT stays unless OpenVINO (the extra `openvino`) is 5 % faster, or TensorFlow 15 %; without
    TensorFlow there is no race."""
    replicas: int = number(0, 0, 256, "models")
    """Copies of the model that run at a time, spread over the GPUs. 0: one per GPU, or one per core
    without GPUs."""
    model_threads: int = number(0, 0, 256, "threads")
    """CPU threads of one model call. 0: the cores divided by the replicas."""
    precision: Literal["float32", "mixed"] = "float32"
    """mixed: float16 where it is faster on a GPU and the range of the numbers allows it."""
    pad_to: BatchSizes = Field((), json_schema_extra={"unit": "photos"})
    """Batch sizes that TensorFlow may run, separated by commas and rising to `WORKER_BATCH_SIZE`.
    Smaller batches are padded. Empty: any size."""
    drain_deadline: int = number(25, 10, 115, "s")
    """Longest time a stop may take. Keep it below ECS's stopTimeout (30)."""
    stall_after: int = number(120, 30, 3_600, "s")
    """A step that takes longer than this counts as hung, and the process ends."""
    protection: Literal["on", "off"] = "on"
    """Whether to ask ECS not to scale this task in while it works on photos. It only matters in an
    ECS service."""
    give_up_after: int = number(900, 0, 86_400, "s")
    """The process ends when S3, SQS, Redis or the model has failed for this long. 0: never."""
    retry_delay: int = number(5, 0, 900, "s")
    """First delay of a released message. It doubles with each receive."""
    retry_delay_max: int = number(300, 0, 43_200, "s")
    """Longest delay of a released message."""

    # What comes out
    result_key: ResultKey = "result:{image_id}"
    """Redis key, and channel, of a result. It contains `{owner}` if the pattern has such a group:
    `result:{owner}:{image_id}`. A Redis Cluster needs a hash tag: `{photos}:result:{image_id}`."""
    result_expiry: int = number(86_400, 1, 31_536_000, "s")
    """How long a result is kept."""
    duplicate_window: int = number(604_800, 0, 31_536_000, "s")
    """How long a photo is remembered, so that copies are reported as duplicates. 0: not at all."""
    hash: Literal["phash", "dhash", "whash", "pdq"] = "phash"
    """Perceptual hash. Different kinds are never compared. pdq needs the optional extra `pdq`."""
    duplicate_radius: int | None = number(None, 0, 47, "bits")
    """Most bits by which the hashes of two copies may differ. Empty: the default of the hash."""
    reuse: Literal["exact", "near", "none"] = "exact"
    """exact: a photo with the same bytes as an earlier one gets its scores without running the
    model. near: so does a photo that looks the same, colours included."""
    redis_timeout: float = number(2.0, 0.05, 30, "s")
    """Longest wait for an answer from Redis."""
    state_file: str = worker.STATE_FILE
    """File with the worker's state, for `python -m worker health`. Each worker needs its own."""
    service: Service = "photo-score-worker"
    """Name of this deployment in metrics: their only dimension, shared by all its workers."""
    metrics: Literal["auto", "emf", "none"] = "auto"
    """emf: metrics for CloudWatch on stdout, in its embedded metric format. auto: emf in an ECS
    task, otherwise none."""
    metrics_namespace: MetricsNamespace = "PhotoScore"
    """CloudWatch namespace of the metrics."""
    metrics_interval: int = number(15, 1, 60, "s")
    """Longest time between two lines of metrics."""
    metrics_port: int = number(0, 0, 65_535, "port")
    """Port where Prometheus finds the same metrics, at /metrics. 0: none."""
    log_format: Literal["auto", "json", "console"] = "auto"
    """auto: readable on a terminal, otherwise JSON."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe level that is logged."""


class Settings(DoorSettings, CommonSettings):
    """All settings, immutable once read."""

    @model_validator(mode="before")
    @classmethod
    def _let_the_door_stand_alone(cls, values: dict[str, Any]) -> dict[str, Any]:
        """With the door, neither queue nor buckets are needed, and without those no Redis."""
        if values.get("door_port") in {None, 0, "0"} or values.keys() & {"queue_url", "buckets"}:
            return values
        return {"queue_url": "", "buckets": (), "redis_url": "", **values}

    @model_validator(mode="after")
    def _check_consistency(self) -> Self:
        for contradiction in contradictions(self):
            raise ValueError(contradiction)
        return self
