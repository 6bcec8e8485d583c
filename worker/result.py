"""The result record: what the API finds in Redis."""

import json
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic.json_schema import GenerateJsonSchema

Via = Literal["queue", "http"]
Picture = Literal["photo", "thumbnail"]

VERSION: Literal[1] = 1  # raised when readers of the version before could not read a result
NULL_VERSION = "null"  # S3's name of every object that it stores without versioning


class Record(BaseModel):
    """Base of all parts. Ignores unknown fields: older readers accept newer records."""

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="null", from_attributes=True)


class Label(Record):
    """One thing the model may have seen."""

    name: str
    probability: float = Field(ge=0, le=1)


class Inference(Record):
    """The output of one model. A field is null if the model has no such output."""

    score_probs: list[float] | None = Field(
        None, min_length=5, max_length=5, description="of the scores 1 to 5"
    )
    score_mean: float | None = Field(
        None, description="1 to 5: mean of `score_probs`, or the model's own number"
    )
    food_probability: float | None = Field(None, ge=0, le=1)
    labels: list[Label] | None = Field(None, description="most probable first")


class Tip(Record):
    """A sentence for the person who took the photo."""

    id: str
    text: str


class DuplicateOf(Record):
    """An earlier photo that is the same (`exact`) or looks the same (`near`)."""

    image_id: str
    distance: int = Field(ge=0, description="bits in which the two hashes differ")
    kind: Literal["near", "exact"]


def real_version(version_id: str | None) -> str | None:
    """Return a version id if it names bytes. The next PUT replaces a version "null", under the same id.

    Source: Amazon S3 user guide, "Adding objects to versioning-suspended buckets".
    """
    return None if version_id == NULL_VERSION else version_id


def _or_none(name: str | None) -> str | None:
    return name or None


class SourceObject(Record):
    """The S3 object that was scored, or the bytes that came by HTTP."""

    bucket: Annotated[str | None, AfterValidator(_or_none)] = Field(
        description="null for a photo that was never in S3"
    )
    key: Annotated[str | None, AfterValidator(_or_none)]
    etag: str | None
    version_id: Annotated[str | None, AfterValidator(real_version)]
    sequencer: str | None
    sha256: str | None = Field(default=None, description="of the bytes that were read, hex")
    via: Via = Field(default="queue", description="the way the photo came in")


class Fault(Record):
    """Why a photo could not be scored."""

    code: str
    message: str


class Result(Record):
    """One photo's result: the value of `result:{image_id}`, published on that channel too."""

    schema_version: Literal[1] = VERSION
    image_id: str
    owner: str | None = Field(default=None, description="owner of the photo, if object keys name owners")
    status: Literal["scored", "unrecognised", "failed"]
    score: int | None = Field(
        None, ge=1, le=5, description="1 (least) to 5 (most healthy); null unless scored"
    )
    score_mean: float | None = Field(None, ge=1, le=5)
    inference: dict[str, Inference] = Field(description="by model name; empty if no model saw the photo")
    tip: Tip | None = None
    image_hash: str | None = Field(
        None, description="perceptual hash, `algorithm-version:hex`; null if the photo has no content"
    )
    image_colours: str | None = Field(
        default=None,
        description="colours of 4 × 4 parts of the photo, `algorithm-version:hex`; null without an `image_hash`",
    )
    decoded: Picture | None = Field(
        default=None,
        description="what was looked at: the photo, or the thumbnail in its file; null if that is not known",
    )
    duplicate_of: DuplicateOf | None = None
    reused_from: str | None = Field(
        default=None,
        description="image id of the photo that these scores come from; null if the models saw this one",
    )
    source: SourceObject
    models: dict[str, str] = Field(description="model name → version")
    timings_ms: dict[str, float] = Field(description="milliseconds by step; see docs/contract.md")
    error: Fault | None = None
    scored_at: str = Field(
        description="UTC, ISO 8601 with milliseconds", json_schema_extra={"format": "date-time"}
    )

    def is_of_same_try(self, other: "Result") -> bool:
        """Whether two results come from one try of a photo: only the attempts to write them differ.

        Times to a hundredth of a millisecond tell two tries apart.
        """
        return self._try() == other._try()

    def _try(self) -> tuple[object, ...]:
        steps = {step: ms for step, ms in self.timings_ms.items() if step not in {"commit", "total"}}
        bytes_ = self.source.sha256 or self.source  # one that was stored before may have kept its source
        return self.image_id, self.owner, self.status, self.image_hash, bytes_, self.models, steps


def schema() -> str:
    """Return the JSON Schema of a result."""
    head = {"$schema": GenerateJsonSchema.schema_dialect, "$id": f"urn:photo-score-worker:result:{VERSION}"}
    return json.dumps({**head, **Result.model_json_schema(mode="serialization")}, indent=2)


def parse(text: str | None) -> Result | None:
    """Read a stored value. None if it is not a result: then a result overwrites it."""
    try:
        return Result.model_validate_json(text) if text else None
    except ValidationError:
        return None


def timestamp(moment: datetime) -> str:
    """Write a time in UTC with milliseconds and `Z`, as S3 does."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
