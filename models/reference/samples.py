"""Runs a bundle on the sample photos, prepared as in the worker, and checks the result."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.reference import HERE, RecipeError
from models.reference.savedmodel import load
from worker.inference.bundle import Bundle
from worker.photos.decoding import prepare

ROOT = HERE.parents[1]
FOLDERS = (ROOT / "localstack" / "photos", ROOT / "tests" / "data")
_SUFFIXES = {".jpg", ".png", ".heic"}
_MAX_PIXELS = 10_000_000


class CheckError(RecipeError):
    """Raised when the model does not recognise a photo that it must recognise."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """The model's answer for one photo."""

    photo: str
    label: str
    label_probability: float
    food_probability: float
    score_mean: float  # on the scale 1 to 5


def predict(bundle: Bundle) -> list[Prediction]:
    """Run a bundle on every sample photo."""
    return list(_predict(bundle, [path for folder in FOLDERS for path in sorted(_photos(folder))]))


def check(predictions: Sequence[Prediction], photo: str = "coffee.png", label: str = "espresso") -> None:
    """Raise CheckError unless the photo is there and this is its most probable label."""
    labels = [one.label for one in predictions if one.photo == photo]
    if labels != [label]:
        raise CheckError(f"{photo} should be recognised as {label}, not as {', '.join(labels) or 'nothing'}")


def _photos(folder: Path) -> Iterator[Path]:
    return (path for path in folder.iterdir() if path.suffix in _SUFFIXES)


def _predict(bundle: Bundle, photos: Sequence[Path]) -> Iterator[Prediction]:
    target = bundle.manifest.input.target
    images = np.stack([prepare(path.read_bytes(), target, _MAX_PIXELS)[0] for path in photos])
    outputs = load(bundle.path)(images)
    for row, path in enumerate(photos):
        first = int(outputs["label_probs"][row].argmax())
        yield Prediction(
            path.name,
            bundle.labels[first].name,
            float(outputs["label_probs"][row, first]),
            float(outputs["food_probability"][row]),
            float(outputs["score_probs"][row] @ np.arange(1, 6)),
        )
