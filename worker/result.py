"""The result record: what the API finds in Redis."""

from datetime import UTC, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Record(BaseModel):
    """Base of all parts: immutable; unknown fields are ignored, so that older readers accept newer records."""

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="null", from_attributes=True)


class Label(Record):
    """One thing the model may have seen."""

    name: str
    probability: float = Field(ge=0, le=1)


class Inference(Record):
    """What one model said; a field is null where the model has no such output."""

    score_probs: list[float] | None = Field(None, min_length=5, max_length=5, description="of scores 1 … 5")
    score_mean: float | None = Field(None, description="1 … 5; of `score_probs`, or the model's own number")
    food_probability: float | None = Field(None, ge=0, le=1)
    labels: list[Label] | None = Field(None, description="most probable first")


class Tip(Record):
    """A sentence for the person who took the photo."""

    id: str
    text: str


class DuplicateOf(Record):
    """An earlier photo that is the same (`exact`) or looks the same (`near`)."""

    image_id: str
    distance: int = Field(ge=0, description="differing bits of the two hashes")
    kind: Literal["near", "exact"]


class SourceObject(Record):
    """The S3 object that was scored."""

    bucket: str
    key: str
    etag: str | None
    version_id: str | None
    sequencer: str | None
    sha256: str | None = Field(default=None, description="of the bytes that were read, hex")


class Fault(Record):
    """Why a photo could not be scored."""

    code: str
    message: str


class Result(Record):
    """One photo's result, stored under `result:{image_id}` and published on the channel of the same name."""

    schema_version: Literal[1] = 1
    image_id: str
    owner: str | None = Field(default=None, description="whose photo it is, where the keys tell")
    status: Literal["scored", "unrecognised", "failed"]
    score: int | None = Field(
        None, ge=1, le=5, description="1 (least) … 5 (most healthy); null unless scored"
    )
    score_mean: float | None = Field(None, ge=1, le=5)
    inference: dict[str, Inference] = Field(default_factory=dict, description="by model name")
    tip: Tip | None = None
    image_hash: str | None = Field(
        None, description="perceptual hash, `algorithm-version:hex`; null without content"
    )
    duplicate_of: DuplicateOf | None = None
    reused_from: str | None = Field(
        default=None,
        description="image id of the photo whose scores these are; null where the models saw this one",
    )
    source: SourceObject
    models: dict[str, str] = Field(description="model name → version")
    timings_ms: dict[str, float] = Field(description="milliseconds by step; see docs/contract.md")
    error: Fault | None = None
    scored_at: str = Field(description="UTC, ISO 8601 with milliseconds")


def timestamp(moment: datetime) -> str:
    """UTC with milliseconds and `Z`, as S3 writes times."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
