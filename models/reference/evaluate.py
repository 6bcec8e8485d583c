"""Reports what was measured about the reference model, and what could not be, as lines of text."""

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

from models.reference import HERE
from models.reference.foods import FoodClass, mixture
from models.reference.nutrients import read_nutrients
from models.reference.nutriscore import Kind, letter
from models.reference.samples import Prediction
from worker.inference.bundle import Bundle

KNOWN_LETTERS = HERE / "known-letters.csv"

_NOT_MEASURED = """
Not measured
  How well the scores fit photos of meals: no photos of meals with known nutrients were at hand.
  Portions, recipes and hidden ingredients: the model sees a class, not a plate.
  Foods outside the food classes: if they look like none of them, the answer is `unrecognised`."""


def report(predictions: Sequence[Prediction], foods: Sequence[FoodClass], bundle: Bundle) -> Iterator[str]:
    """Yield the evaluation line by line."""
    threshold = bundle.manifest.food.threshold if bundle.manifest.food else 0.0
    yield "Measured"
    yield from _describe_classes(foods)
    yield from _compare_letters()
    yield f"  Sample photos (below a food probability of {threshold:g} there is no score):"
    yield from (_describe(prediction, threshold) for prediction in predictions)
    yield from _NOT_MEASURED.splitlines()


def _describe_classes(foods: Sequence[FoodClass]) -> Iterator[str]:
    scores = Counter(food.score for food in foods)
    spread = ", ".join(f"{scores[score]} with score {score}" for score in range(1, 6))
    yield f"  {len(foods)} food classes in {len({food.group for food in foods})} groups: {spread}"


def _compare_letters() -> Iterator[str]:
    """Compare the letters that the rules give for SR28's nutrients with published ones."""
    checked = list(known_letters())
    misses = [f"{name}: {got}, published {letter}" for name, got, letter in checked if got != letter]
    yield f"  Nutri-Score of {len(checked)} foods whose letter is published: {len(checked) - len(misses)} agree"
    yield from (f"    {miss}" for miss in misses)


def known_letters(path: Path = KNOWN_LETTERS) -> Iterator[tuple[str, str, str]]:
    """Yield description, letter by the rules and published letter of each food."""
    known, names = read_nutrients(), _read_descriptions()
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            nutrients = mixture({row["ndb"]: 1}, {}, known)
            got = letter(nutrients, cast(Kind, row["kind"]), float(row["produce_percent"]))
            yield names[row["ndb"]], got, row["letter"]


def _read_descriptions() -> dict[str, str]:
    with (HERE / "nutrients.csv").open(newline="", encoding="utf-8") as file:
        return {row["ndb"]: row["description"] for row in csv.DictReader(file)}


def _describe(one: Prediction, threshold: float) -> str:
    score = f"score {one.score_mean:.2f}" if one.food_probability >= threshold else "unrecognised"
    label = f"{one.label} {one.label_probability:.2f}"
    return f"    {one.photo:20} {label:22} food {one.food_probability:.3f}   {score}"
