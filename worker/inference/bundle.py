"""A model bundle on disk: which SavedModel, what it takes, which output is what, its labels and its tips.

Layout of TensorFlow Serving, `NAME/VERSION/`, with `bundle.toml` beside saved_model.pb. Reads files, runs nothing.
"""

import csv
import tomllib
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from worker.errors import ConfigurationError
from worker.photos.decoding import Fit, Target

ROLES = ("score_probs", "score", "food_probability", "labels")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Input(_Part):
    """What the model is given: uint8 RGB [N, height, width, 3]."""

    height: int = Field(ge=1, le=4096)
    width: int = Field(ge=1, le=4096)
    fit: Fit

    @property
    def target(self) -> Target:
        """The same, for images.prepare."""
        return Target(self.height, self.width, self.fit)


class OutputNames(_Part):
    """Role → name of the signature's output; exactly one of `score_probs` and `score`."""

    score_probs: str | None = None  # float [N, 5], probabilities of score 1 … 5
    score: str | None = None  # float [N] or [N, 1], 1 … 5
    food_probability: str | None = None  # float [N] or [N, 1]
    labels: str | None = None  # float [N, number of labels], probabilities

    @model_validator(mode="after")
    def _one_score(self) -> Self:
        if (self.score_probs is None) == (self.score is None):
            raise ValueError("[outputs] needs exactly one of score_probs and score")
        return self

    def by_role(self) -> dict[str, str]:
        """Only the roles that the model has."""
        return {role: name for role in ROLES if (name := getattr(self, role)) is not None}


class Food(_Part):
    """Below `threshold` of food_probability a photo is `unrecognised`."""

    threshold: float = Field(ge=0, le=1)


class LabelFile(_Part):
    """Names of the labels, and how many of them a result shows."""

    file: str
    top: int = Field(5, ge=1, le=100)


class TipFile(_Part):
    """Where the tips are."""

    file: str


class Manifest(_Part):
    """bundle.toml."""

    format: Literal[1]
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    input: Input
    outputs: OutputNames
    food: Food | None = None
    labels: LabelFile | None = None
    tips: TipFile | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        for role, section in (("food_probability", "food"), ("labels", "labels")):
            if (getattr(self.outputs, role) is None) != (getattr(self, section) is None):
                raise ValueError(f"[{section}] and the output {role} go together")
        return self


class Label(_Part):
    """A label; its group chooses the tips, an empty group means that it is not food."""

    name: str
    group: str


class TipText(_Part):
    """A tip of tips.toml. Group `any` serves every group, `unrecognised` a photo without a score."""

    id: str
    group: str
    score: int | None = Field(None, ge=1, le=5)
    text: str

    @model_validator(mode="after")
    def _score_if_recognised(self) -> Self:
        if (self.score is None) != (self.group == "unrecognised"):
            raise ValueError("a tip has a score, unless its group is unrecognised")
        return self


class TipList(_Part):
    """tips.toml."""

    tip: tuple[TipText, ...]


class Bundle(_Part):
    """A bundle, read and checked against itself; whether the SavedModel agrees is for the adapter that loads it."""

    path: Path  # the folder of this version
    version: str
    manifest: Manifest
    labels: tuple[Label, ...] = ()
    tips: tuple[TipText, ...] = ()

    @property
    def name(self) -> str:
        """What results call this model."""
        return self.manifest.name

    @cached_property
    def foods(self) -> npt.NDArray[np.intp]:
        """Indices of the labels that are food."""
        return np.flatnonzero([label.group != "" for label in self.labels])


def read(location: str) -> Bundle:
    """Read the bundle at `NAME/VERSION`, or the newest version at `NAME`. Raises ConfigurationError."""
    path = version_folder(Path(location))
    try:
        manifest = Manifest.model_validate(tomllib.loads(_text(path / "bundle.toml")))
        labels = _labels(path / manifest.labels.file) if manifest.labels else ()
        tips = _tips(path / manifest.tips.file) if manifest.tips else ()
    except (tomllib.TOMLDecodeError, csv.Error, ValidationError) as error:
        raise ConfigurationError(f"the model bundle {path} is not valid: {_first_line(error)}") from None
    return Bundle(path=path, version=path.name, manifest=manifest, labels=labels, tips=tips)


def version_folder(path: Path) -> Path:
    """Give `NAME/VERSION` itself, or the newest version at `NAME`. Raises ConfigurationError."""
    if (path / "saved_model.pb").is_file():
        return path
    versions = sorted(
        (p for p in path.glob("[0-9]*") if p.name.isdecimal() and p.is_dir()), key=lambda p: int(p.name)
    )
    if not versions or not (versions[-1] / "saved_model.pb").is_file():
        raise ConfigurationError(
            f"{path} is no model bundle: no saved_model.pb in it, nor in a folder VERSION below it "
            "(the reference model is built by `make model`)"
        )
    return versions[-1]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"the model bundle's {path} cannot be read: {error}") from None


def _labels(path: Path) -> tuple[Label, ...]:
    rows: Any = csv.DictReader(_text(path).splitlines())
    labels = tuple(Label.model_validate(row) for row in rows)
    if not labels:
        raise ConfigurationError(f"{path} names no labels")
    return labels


def _tips(path: Path) -> tuple[TipText, ...]:
    tips = TipList.model_validate(tomllib.loads(_text(path))).tip
    ids = [tip.id for tip in tips]
    if len(set(ids)) < len(ids):
        raise ConfigurationError(f"{path} uses a tip's id twice")
    return tips


def _first_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc'])) or 'bundle.toml'}: {first['msg'].removeprefix('Value error, ')}"
    return str(error)
