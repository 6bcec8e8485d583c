"""What the files of a model bundle contain: bundle.toml, labels and tips."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from worker.photos.decoding import Fit, Target

ROLES = ("score_probs", "score", "food_probability", "labels")


class Part(BaseModel):
    """Base of all parts: immutable, without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Input(Part):
    """What the model takes: uint8 RGB [N, height, width, 3]."""

    height: int = Field(ge=1, le=4096)
    width: int = Field(ge=1, le=4096)
    fit: Fit

    @property
    def target(self) -> Target:
        """The same, for decoding.prepare."""
        return Target(self.height, self.width, self.fit)


class OutputNames(Part):
    """Role → name of the signature's output; exactly one of `score_probs` and `score`."""

    score_probs: str | None = None  # float [N, 5], probabilities of score 1 … 5
    score: str | None = None  # float [N] or [N, 1], 1 … 5
    food_probability: str | None = None  # float [N] or [N, 1]
    labels: str | None = None  # float [N, number of labels], probabilities

    @model_validator(mode="after")
    def _check_one_score(self) -> Self:
        if (self.score_probs is None) == (self.score is None):
            raise ValueError("[outputs] needs exactly one of score_probs and score")
        return self

    def by_role(self) -> dict[str, str]:
        """Only the roles that the model has."""
        return {role: name for role in ROLES if (name := getattr(self, role)) is not None}


class Food(Part):
    """Below `threshold` of food_probability a photo is `unrecognised`."""

    threshold: float = Field(ge=0, le=1)


class LabelFile(Part):
    """File with the names of the labels, and how many of them a result shows."""

    file: str
    top: int = Field(5, ge=1, le=100)


class TipFile(Part):
    """File with the tips."""

    file: str


class Manifest(Part):
    """bundle.toml."""

    format: Literal[1]
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    input: Input
    outputs: OutputNames
    food: Food | None = None
    labels: LabelFile | None = None
    tips: TipFile | None = None

    @model_validator(mode="after")
    def _check_sections(self) -> Self:
        for role, section in (("food_probability", "food"), ("labels", "labels")):
            if (getattr(self.outputs, role) is None) != (getattr(self, section) is None):
                raise ValueError(f"[{section}] and the output {role} go together")
        return self


class Label(Part):
    """A label. Its group selects the tips; a label with an empty group is not food."""

    name: str
    group: str


class TipText(Part):
    """A tip. Group `any` is for every group, `unrecognised` for a photo without a score."""

    id: str
    group: str
    score: int | None = Field(None, ge=1, le=5)
    text: str

    @model_validator(mode="after")
    def _check_score(self) -> Self:
        if (self.score is None) != (self.group == "unrecognised"):
            raise ValueError("a tip has a score, unless its group is unrecognised")
        return self


class TipList(Part):
    """tips.toml."""

    tip: tuple[TipText, ...]
