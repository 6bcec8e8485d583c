"""Every setting: type, bounds, default, unit and what it is for; and the checks across them.

The environment is the only place they come from (prefix `WORKER_`). What concerns AWS itself – region, credentials,
`AWS_ENDPOINT_URL` – is boto3's own and works as everywhere.
"""

import difflib
import os
import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

import worker
from worker.errors import ConfigurationError
from worker.results.redis_keys import Keys

PREFIX = "WORKER_"
UUID_SEGMENT = r"(?:^|/)(?P<image_id>[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12})(?:\.[^/]*)?$"
MODEL_CACHE = "/tmp/photo-score-worker-models"  # noqa: S108 - the one writable folder of the image; checksums guard it
SETTLING = 4  # seconds that a stop leaves to the last deletes and releases
Names = tuple[str, ...]  # comma-separated in the environment
Sizes = tuple[int, ...]  # so are these


def setting(default: Any, doc: str, unit: str = "", **bounds: float) -> Any:
    """Declare one setting; `...` as default makes it required."""
    kwargs: dict[str, Any] = {"description": doc, "json_schema_extra": {"unit": unit}, **bounds}
    return Field(default, **kwargs)


class Settings(BaseModel):
    """The settings, immutable once read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # Where things are
    queue_url: str = setting(..., "URL of the SQS queue that announces uploads")
    buckets: Names = setting(..., "buckets that photos may come from, comma-separated; others are refused")
    redis_url: SecretStr = setting(
        ..., "Redis as `redis://[user:password@]host:port/db`; `rediss://` for TLS"
    )
    model: Names = setting(
        ("models/reference/built/reference",),
        "model bundles, comma-separated: folders `NAME` or `NAME/VERSION`, or the same below `s3://bucket/…/`; the "
        "first one gives the score",
    )
    model_cache: str = setting(
        MODEL_CACHE, "folder that models of S3 are downloaded to; several workers may share it"
    )

    model_refresh: int = setting(
        0,
        "how often newer versions of the models are looked for, and taken up while the old ones serve; 0: never, a "
        "deployment brings them",
        "s",
        ge=0,
        le=86_400,
    )

    # What is accepted
    image_id_pattern: str = setting(
        UUID_SEGMENT,
        "regular expression searched in the key, its group `image_id` is the photo's id, its group `owner`, if it has "
        "one, whose it is; by default the last segment without its extension, when that is a UUID",
    )
    max_bytes: int = setting(25_000_000, "largest photo accepted", "bytes", ge=1_000, le=1_000_000_000)
    max_pixels: int = setting(100_000_000, "largest photo accepted", "pixels", ge=1, le=1_000_000_000)

    # How the work is done
    receive_wait: int = setting(5, "long poll: how long a receive waits for messages", "s", ge=0, le=20)
    visibility_timeout: int | None = setting(
        None, "how long a received message stays hidden; empty: the queue's own", "s", ge=5, le=43_200
    )
    lease_most: int = setting(
        3_600,
        "longest time a message is held, extensions included; then others get it",
        "s",
        ge=60,
        le=43_200,
    )
    upload_queue: int = setting(20, "places between poll and infer", "photos", ge=1, le=10_000)
    outcome_queue: int = setting(64, "places between infer and commit", "photos", ge=1, le=10_000)
    receivers: int = setting(
        4,
        "receives under way at once, when one of them cannot keep the helpers busy",
        "threads",
        ge=1,
        le=32,
    )
    helpers: int = setting(
        0,
        "most photos fetched and prepared at a time; 0: sixteen a core. How many of them it takes is measured",
        "threads",
        ge=0,
        le=256,
    )
    decoders: int = setting(0, "photos decoded at a time; 0: one a core", "threads", ge=0, le=256)
    batch_size: int = setting(32, "largest batch given to the model", "photos", ge=1, le=512)
    batch_wait: int = setting(
        0,
        "longest wait for a fuller batch, counted from its first photo; only where it pays, and never beyond the "
        "objective",
        "ms",
        ge=0,
        le=10_000,
    )
    objective: int = setting(
        1_000, "a photo is to be scored in so long from its upload on", "ms", ge=1, le=86_400_000
    )
    engine: Literal["auto", "tensorflow", "litert"] = setting(
        "auto", "what runs the model on a CPU; auto: LiteRT where it is measured faster and answers the same"
    )
    replicas: int = setting(
        0,
        "models that run at the same time, dealt out to the GPUs; 0: one a GPU, or one a core without any",
        "models",
        ge=0,
        le=256,
    )
    model_threads: int = setting(
        0, "CPU threads of one model call; 0: cores shared out to the replicas", "threads", ge=0, le=256
    )
    precision: Literal["float32", "mixed"] = setting(
        "float32", "mixed: float16 where a GPU is faster with it and the numbers allow it"
    )
    pad_to: Sizes = setting(
        (),
        "batch sizes that TensorFlow may run, comma-separated and rising to `WORKER_BATCH_SIZE`; smaller batches are "
        "filled up; empty: any size",
        "photos",
    )
    drain_deadline: int = setting(
        25, "longest stop; keep it below ECS's stopTimeout (30)", "s", ge=10, le=115
    )
    stall_after: int = setting(
        120, "a step that takes longer counts as hung: the process ends", "s", ge=30, le=3_600
    )
    protection: Literal["on", "off"] = setting(
        "on",
        "whether ECS is asked not to scale this task in while photos are in work; matters in an ECS service only",
    )
    give_up_after: int = setting(
        900,
        "the process ends when S3, SQS, Redis or the model has failed for so long; 0: never",
        "s",
        ge=0,
        le=86_400,
    )
    retry_delay: int = setting(
        5, "first delay of a released message, doubled at each receive", "s", ge=0, le=900
    )
    retry_delay_max: int = setting(300, "longest delay of a released message", "s", ge=0, le=43_200)

    # What comes out
    result_key: str = setting(
        "result:{image_id}",
        "Redis key, and channel, of a result; may name the `{owner}`; a cluster needs a hash tag: "
        "`{photos}:result:{image_id}`",
    )
    result_expiry: int = setting(86_400, "how long a result is kept", "s", ge=1, le=31_536_000)
    duplicate_window: int = setting(
        604_800,
        "how long a photo is remembered, so that a later one is told to be its duplicate; 0: not at all",
        "s",
        ge=0,
        le=31_536_000,
    )
    hash: Literal["phash", "dhash", "whash", "pdq"] = setting(
        "phash", "perceptual hash; those of another are never compared; pdq needs the optional extra `pdq`"
    )
    duplicate_radius: int | None = setting(
        None, "most differing bits of two hashes of one photo; empty: as fits the hash", "bits", ge=0, le=47
    )
    reuse: Literal["exact", "near", "none"] = setting(
        "exact",
        "exact: a photo with the same bytes as an earlier one gets its scores, unseen by the model; near: one that "
        "looks the same, too",
    )
    redis_timeout: float = setting(2.0, "longest wait for an answer of Redis", "s", ge=0.05, le=30)
    state_file: str = setting(
        worker.STATE_FILE,
        "file that says how the worker is, for `python -m worker health`; one for each worker",
    )
    service: str = setting(
        "photo-score-worker",
        "what metrics call this deployment: their one dimension, shared by all its workers",
    )
    metrics: Literal["auto", "emf", "none"] = setting(
        "auto",
        "emf: metrics for CloudWatch on stdout, in its embedded metric format; auto: emf in an ECS task, else none",
    )
    metrics_namespace: str = setting("PhotoScore", "CloudWatch namespace of the metrics")
    metrics_interval: int = setting(15, "longest time between two lines of metrics", "s", ge=1, le=60)
    metrics_port: int = setting(
        0, "where Prometheus finds the same metrics, at /metrics; 0: nowhere", "port", ge=0, le=65_535
    )
    log_format: Literal["auto", "json", "console"] = setting(
        "auto", "auto: readable on a terminal, else JSON"
    )
    log_level: Literal["debug", "info", "warning", "error"] = setting(
        "info", "least severe line that is logged"
    )

    @field_validator("buckets", "model", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return (
            tuple(part.strip() for part in value.split(",") if part.strip())
            if isinstance(value, str)
            else value
        )

    @field_validator("buckets", "model")
    @classmethod
    def _not_empty(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError("must name at least one")
        return value

    @field_validator("pad_to", mode="before")
    @classmethod
    def _rises(cls, value: str | tuple[int, ...]) -> tuple[int, ...]:
        parts = [part.strip() for part in value.split(",")] if isinstance(value, str) else map(str, value)
        sizes = tuple(int(part) if part.isdecimal() else 0 for part in parts if part)
        if any(size <= before for before, size in pairwise((0, *sizes))):
            raise ValueError("must be whole numbers above 0, each larger than the one before")
        return sizes

    @field_validator("queue_url")
    @classmethod
    def _is_url(cls, value: str) -> str:
        if not re.fullmatch(r"https?://\S+/\S+", value):
            raise ValueError("must be a queue's URL, https://…")
        return value

    @field_validator("redis_url")
    @classmethod
    def _is_redis(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value().startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("must start with redis://, rediss:// or unix://")
        return value

    @field_validator("service")
    @classmethod
    def _is_dimension(cls, value: str) -> str:
        if not re.fullmatch(r"[!-9;-~][ -~]{0,1023}", value):
            raise ValueError(
                "must be printable ASCII, no space or colon first, 1024 at most, or CloudWatch drops it"
            )
        return value

    @field_validator("metrics_namespace")
    @classmethod
    def _is_namespace(cls, value: str) -> str:
        if not re.fullmatch(r"[\w./#-][\w./#:-]{0,254}", value, re.ASCII):
            raise ValueError(
                "must be letters, digits and ._-/#:, no colon first, 255 at most, or CloudWatch drops it"
            )
        return value

    @field_validator("image_id_pattern")
    @classmethod
    def _has_group(cls, value: str) -> str:
        try:
            groups = re.compile(value).groupindex
        except re.error as error:
            raise ValueError(f"must be a regular expression: {error}") from None
        if "image_id" not in groups:
            raise ValueError("must have a group named image_id, as in (?P<image_id>…)")
        return value

    @field_validator("result_key")
    @classmethod
    def _names_the_image(cls, value: str) -> str:
        Keys(value)
        return value

    @model_validator(mode="after")
    def _agree(self) -> Self:
        needed = self.receive_wait + self.batch_wait / 1000 + 2 * self.redis_timeout + SETTLING
        if needed > self.drain_deadline:
            raise ValueError(
                f"{PREFIX}DRAIN_DEADLINE ({self.drain_deadline} s) is too short: {PREFIX}RECEIVE_WAIT "
                f"({self.receive_wait} s) + {PREFIX}BATCH_WAIT ({self.batch_wait} ms) + twice {PREFIX}REDIS_TIMEOUT "
                f"({self.redis_timeout:g} s) + {SETTLING} s for deletes are {needed:g} s"
            )
        # Two tries of a receive with the time-outs of adapters/aws/sqs.py; three calls of Redis, each tried twice.
        longest = max(2 * (self.receive_wait + 11), 6 * self.redis_timeout)
        if self.stall_after <= longest:
            raise ValueError(
                f"{PREFIX}STALL_AFTER ({self.stall_after} s) is too short: with {PREFIX}RECEIVE_WAIT "
                f"({self.receive_wait} s) and {PREFIX}REDIS_TIMEOUT ({self.redis_timeout:g} s) one step of a healthy "
                f"worker may take {longest:g} s"
            )
        if self.visibility_timeout is not None and self.visibility_timeout > self.lease_most:
            raise ValueError(
                f"{PREFIX}LEASE_MOST ({self.lease_most} s) must not be shorter than {PREFIX}VISIBILITY_TIMEOUT "
                f"({self.visibility_timeout} s)"
            )
        if self.retry_delay > self.retry_delay_max:
            raise ValueError(
                f"{PREFIX}RETRY_DELAY ({self.retry_delay} s) must not exceed {PREFIX}RETRY_DELAY_MAX "
                f"({self.retry_delay_max} s)"
            )
        if self.visibility_timeout is not None and self.visibility_timeout <= self.batch_wait / 1000:
            raise ValueError(
                f"{PREFIX}BATCH_WAIT ({self.batch_wait} ms) must be shorter than {PREFIX}VISIBILITY_TIMEOUT "
                f"({self.visibility_timeout} s)"
            )
        if self.pad_to and self.pad_to[-1] != self.batch_size:
            raise ValueError(
                f"{PREFIX}PAD_TO must end with {PREFIX}BATCH_SIZE ({self.batch_size}), not {self.pad_to[-1]}"
            )
        if Keys(self.result_key).names_owner and "owner" not in re.compile(self.image_id_pattern).groupindex:
            raise ValueError(
                f"{PREFIX}RESULT_KEY names an {{owner}}: {PREFIX}IMAGE_ID_PATTERN must have a group of that name"
            )
        if self.engine == "litert" and self.precision == "mixed":
            raise ValueError(f"{PREFIX}PRECISION=mixed is for GPUs, {PREFIX}ENGINE=litert for CPUs")
        return self


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings; an empty variable counts as unset.

    Raises ConfigurationError naming each wrong variable, its value and its bounds. A misspelt `WORKER_…` is wrong too.
    """
    given = {name.removeprefix(PREFIX): value for name, value in environ.items() if name.startswith(PREFIX)}
    try:
        return Settings.model_validate({name.lower(): value for name, value in given.items() if value})
    except ValidationError as errors:
        raise ConfigurationError("; ".join(_explain(error) for error in errors.errors())) from None


def rows() -> Iterator[tuple[str, str, str, str, str]]:
    """Give each setting as (variable, default, bounds, unit, doc), for --help and docs/reference.md."""
    for name, field in Settings.model_fields.items():
        extra = field.json_schema_extra
        unit = str(extra["unit"]) if isinstance(extra, dict) else ""
        yield PREFIX + name.upper(), _default(field), _bounds(field), unit, field.description or ""


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if isinstance(field.default, tuple):
        return ",".join(map(str, field.default))
    return "" if field.default is None else str(field.default)


def _bounds(field: FieldInfo) -> str:
    low = next((m.ge for m in field.metadata if hasattr(m, "ge")), None)
    high = next((m.le for m in field.metadata if hasattr(m, "le")), None)
    if low is not None and high is not None:
        return f"{low} … {high}"
    choices: tuple[str, ...] = getattr(field.annotation, "__args__", ()) if _is_choice(field) else ()
    return ", ".join(choices)


def _is_choice(field: FieldInfo) -> bool:
    return getattr(field.annotation, "__origin__", None) is Literal


def _explain(error: ErrorDetails) -> str:
    if not error["loc"]:  # a contradiction between settings: its text names them
        return error["msg"].removeprefix("Value error, ")
    name = str(error["loc"][0])
    variable = PREFIX + name.upper()
    if error["type"] == "extra_forbidden":
        near = difflib.get_close_matches(name, Settings.model_fields, 1)
        return f"{variable} is no setting" + (f"; did you mean {PREFIX}{near[0].upper()}?" if near else "")
    field = Settings.model_fields[name]
    if error["type"] == "missing":
        return f"{variable} is not set: {field.description}"
    secret = field.annotation is SecretStr
    value = "its value (not shown)" if secret else repr(error["input"])
    bounds = _bounds(field)
    wanted = f"must be {bounds}" if bounds else error["msg"].removeprefix("Value error, ")
    return f"{variable} is {value}, {wanted}"
