"""Types of settings that have a check of their own; a ValueError says what the value must be."""

import re
from itertools import pairwise
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from worker.results.redis_keys import Keys

UUID_SEGMENT = r"(?:^|/)(?P<image_id>[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12})(?:\.[^/]*)?$"


def _split(value: Any) -> Any:
    """Split a comma-separated list and trim its parts."""
    return [part for part in map(str.strip, value.split(",")) if part] if isinstance(value, str) else value


def _split_names(value: Any) -> Any:
    """Split a list that is not empty where it is given."""
    parts = _split(value)
    if isinstance(value, str) and not parts:
        raise ValueError("must name at least one")
    return parts


def _read_sizes(value: Any) -> tuple[int, ...]:
    sizes = tuple(int(part) if str(part).isdecimal() else 0 for part in _split(value))
    if any(size <= before for before, size in pairwise((0, *sizes))):
        raise ValueError("must be whole numbers above 0, each larger than the one before")
    return sizes


def _matches(pattern: str, reason: str) -> AfterValidator:
    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(reason)
        return value

    return AfterValidator(check)


def _check_redis_url(value: SecretStr) -> SecretStr:
    if value.get_secret_value() and not value.get_secret_value().startswith(
        ("redis://", "rediss://", "unix://")
    ):
        raise ValueError("must start with redis://, rediss:// or unix://")
    return value


def _check_pattern(value: str) -> str:
    try:
        groups = re.compile(value).groupindex
    except re.error as error:
        raise ValueError(f"must be a regular expression: {error}") from None
    if "image_id" not in groups:
        raise ValueError("must have a group named image_id, as in (?P<image_id>…)")
    return value


def _check_key(value: str) -> str:
    Keys(value)
    return value


def number(default: float | None, low: float, high: float, unit: str) -> Any:
    """Declare a number with its bounds."""
    return Field(default, ge=low, le=high, json_schema_extra={"unit": unit})


Bucket = Annotated[
    str,
    _matches(r"[^:/]*", "must be the name of a bucket, such as photos, without s3:// and without a prefix"),
]
Buckets = Annotated[tuple[Bucket, ...], BeforeValidator(_split_names)]
Names = Annotated[tuple[str, ...], BeforeValidator(_split_names)]
Tokens = Annotated[tuple[SecretStr, ...], BeforeValidator(_split_names)]
BatchSizes = Annotated[tuple[int, ...], BeforeValidator(_read_sizes)]
QueueUrl = Annotated[str, _matches(r"|https?://\S+/\S+", "must be a queue's URL, https://…")]
RedisUrl = Annotated[SecretStr, AfterValidator(_check_redis_url)]
ImageIdPattern = Annotated[str, AfterValidator(_check_pattern)]
ResultKey = Annotated[str, AfterValidator(_check_key)]
Service = Annotated[
    str,
    _matches(
        r"[!-9;-~][ -~]{0,1023}",
        "must be printable ASCII, no space or colon first, 1024 at most, or CloudWatch drops it",
    ),
]
MetricsNamespace = Annotated[
    str,
    _matches(
        r"(?a)[\w./#-][\w./#:-]{0,254}",
        "must be letters, digits and ._-/#:, no colon first, 255 at most, or CloudWatch drops it",
    ),
]
