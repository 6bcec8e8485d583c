"""Reads a model bundle from disk: its input and outputs, labels and tips. Runs nothing.

The layout is TensorFlow Serving's `NAME/VERSION/`, with `bundle.toml` beside saved_model.pb.
"""

import csv
import hashlib
import tomllib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from worker.errors import ConfigurationError
from worker.inference.delivery import checksums
from worker.inference.manifest import Label, Manifest, Part, TipList, TipText
from worker.inference.tips import Tips, by_group

TRANSLATION = "translation"  # folder in a version, so that it travels with the model


class Bundle(Part):
    """A bundle whose files match one another; loading checks that the SavedModel matches too."""

    path: Path  # folder of this version
    version: str
    manifest: Manifest
    labels: tuple[Label, ...] = ()
    tips: tuple[TipText, ...] = ()

    @property
    def name(self) -> str:
        """The model's name in results."""
        return self.manifest.name

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all its files, in hex. The translation, which was made of them, does not count.

        Raises ConfigurationError.
        """
        try:
            sums = checksums.hash_folder(self.path, without=is_translation)
        except OSError as error:
            raise ConfigurationError(f"the model bundle {self.path} cannot be read: {error}") from None
        return hashlib.sha256(checksums.render(sums).encode()).hexdigest()

    @cached_property
    def foods(self) -> npt.NDArray[np.intp]:
        """Indices of the labels that are food."""
        return np.flatnonzero([label.group != "" for label in self.labels])

    @cached_property
    def tips_by_group(self) -> Tips:
        """The tips by group and score."""
        return by_group(self.tips)


def is_translation(name: str) -> bool:
    """Whether a file, by its path in a version's folder, belongs to the model's translation."""
    return name.startswith(f"{TRANSLATION}/")


def read(location: str) -> Bundle:
    """Read `NAME/VERSION`, or the newest version at `NAME`. Raises ConfigurationError."""
    path = find_version(Path(location))
    try:
        manifest = Manifest.model_validate(tomllib.loads(_read_text(path / "bundle.toml")))
        labels = _read_labels(path / manifest.labels.file) if manifest.labels else ()
        tips = _read_tips(path / manifest.tips.file) if manifest.tips else ()
    except (tomllib.TOMLDecodeError, csv.Error, ValidationError) as error:
        raise ConfigurationError(f"the model bundle {path} is not valid: {_first_line(error)}") from None
    return Bundle(path=path, version=path.name, manifest=manifest, labels=labels, tips=tips)


def find_version(path: Path) -> Path:
    """Return `NAME/VERSION` itself, or the newest version at `NAME`. Raises ConfigurationError."""
    if (path / "saved_model.pb").is_file():
        return path
    versions = [folder for folder in path.glob("[0-9]*") if folder.name.isdecimal() and folder.is_dir()]
    newest = max(versions, key=lambda folder: int(folder.name), default=path)
    if not (newest / "saved_model.pb").is_file():
        raise ConfigurationError(
            f"{path} is not a model bundle: no saved_model.pb in it, nor in a folder VERSION below it "
            "(`make model` builds the reference model)"
        )
    return newest


def check_compatible(bundles: Sequence[Bundle]) -> None:
    """Raise ConfigurationError unless the bundles take the same photos and have different names."""
    first = bundles[0]
    for other in bundles[1:]:
        if other.manifest.input != first.manifest.input:
            raise ConfigurationError(
                f"{other.path} and {first.path} take different photos; side by side they need the same [input]"
            )
    if len({bundle.name for bundle in bundles}) < len(bundles):
        raise ConfigurationError("WORKER_MODEL names two models of the same name; give each its own name")


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"the model bundle's {path} cannot be read: {error}") from None


def _read_labels(path: Path) -> tuple[Label, ...]:
    rows: Any = csv.DictReader(_read_text(path).splitlines())
    labels = tuple(Label.model_validate(row) for row in rows)
    if not labels:
        raise ConfigurationError(f"{path} names no labels")
    return labels


def _read_tips(path: Path) -> tuple[TipText, ...]:
    tips = TipList.model_validate(tomllib.loads(_read_text(path))).tip
    if len({tip.id for tip in tips}) < len(tips):
        raise ConfigurationError(f"{path} uses a tip's id twice")
    return tips


def _first_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc'])) or 'bundle.toml'}: {first['msg'].removeprefix('Value error, ')}"
    return str(error)
