"""The sample photos through a built bundle, prepared as the worker prepares them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.reference.errors import RecipeError
from models.reference.inputs import HERE
from models.reference.savedmodel import load
from worker.inference.bundle import Bundle
from worker.photos.decoding import prepare

ROOT = HERE.parents[1]
FOLDERS = (ROOT / "localstack" / "photos", ROOT / "tests" / "data")
_SUFFIXES = {".jpg", ".png", ".heic"}
_MAX_PIXELS = 10_000_000


class CheckError(RecipeError):
    """The model does not see what is in a photo that any good copy of it sees."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the model said about one photo."""

    photo: str
    label: str
    label_probability: float
    food_probability: float
    score_mean: float  # on the scale 1 to 5


def look(bundle: Bundle) -> list[Seen]:
    """Run a bundle on every sample photo."""
    return list(_seen(bundle, [path for folder in FOLDERS for path in sorted(_photos(folder))]))


def check(seen: Sequence[Seen], photo: str = "coffee.png", label: str = "espresso") -> None:
    """Raise CheckError unless the photo was there and its first label is this one."""
    labels = [one.label for one in seen if one.photo == photo]
    if labels != [label]:
        raise CheckError(f"{photo} should be seen as {label}, not as {', '.join(labels) or 'nothing'}")


def _photos(folder: Path) -> Iterator[Path]:
    return (path for path in folder.iterdir() if path.suffix in _SUFFIXES)


def _seen(bundle: Bundle, photos: Sequence[Path]) -> Iterator[Seen]:
    target = bundle.manifest.input.target
    images = np.stack([prepare(path.read_bytes(), target, _MAX_PIXELS)[0] for path in photos])
    found = load(bundle.path)(images)
    for row, path in enumerate(photos):
        first = int(found["label_probs"][row].argmax())
        yield Seen(
            path.name,
            bundle.labels[first].name,
            float(found["label_probs"][row, first]),
            float(found["food_probability"][row]),
            float(found["score_probs"][row] @ np.arange(1, 6)),
        )
