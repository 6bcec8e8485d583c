"""class-foods.csv → the food classes with their nutrients, Nutri-Score letter and score.

A class is one food of SR28, or a mixture by weight (`09037:78 11529:9`). A nutrient that SR28 lacks has to be stated
by hand, with a reason (`sugar_g=0`); it never counts as 0 in silence.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast, get_args

from models.reference.errors import RecipeError
from models.reference.inputs import HERE
from models.reference.nutrients import COLUMNS, read_nutrients
from models.reference.nutriscore import SCORES, Kind, Letter, Nutrients, letter

TABLE = HERE / "class-foods.csv"

Known = Mapping[str, Mapping[str, float]]  # NDB number → column → value per 100 g


class FoodError(RecipeError):
    """A row of class-foods.csv that cannot be scored; says which and why."""


@dataclass(frozen=True, slots=True)
class FoodClass:
    """One ImageNet class that is a food. `index` is its place among the network's outputs."""

    index: int
    name: str
    group: str
    letter: Letter

    @property
    def score(self) -> int:
        """From 1 (E) to 5 (A)."""
        return SCORES[self.letter]


def food_classes(path: Path = TABLE, known: Known | None = None) -> list[FoodClass]:
    """Return the food classes in the order of the file. Raises FoodError."""
    known = read_nutrients() if known is None else known
    with path.open(newline="", encoding="utf-8") as file:
        return [_food_class(row, known) for row in csv.DictReader(file)]


def _food_class(row: Mapping[str, str], known: Known) -> FoodClass:
    try:
        nutrients = mixture(_weights(row["foods"]), _stated(row), known)
    except (FoodError, ValueError) as error:
        raise FoodError(f"class {row['class']} ({row['name']}): {error}") from error
    if row["kind"] not in get_args(Kind):
        raise FoodError(f"class {row['class']} ({row['name']}): unknown kind {row['kind']!r}")
    rated = letter(nutrients, cast(Kind, row["kind"]), float(row["produce_percent"]))
    return FoodClass(int(row["class"]), row["name"], row["group"], rated)


def mixture(weights: Mapping[str, float], stated: Mapping[str, float], known: Known) -> Nutrients:
    """Return the mean of foods by weight, per 100 g; `stated` fills what SR28 lacks, and nothing else."""
    values = dict(stated)
    for column in COLUMNS.values():
        missing = [ndb for ndb in weights if column not in known.get(ndb, {})]
        if bool(missing) != (column in stated):
            names = ", ".join(missing)
            raise FoodError(
                f"{column} is missing in {names}" if missing else f"{column} is stated, but known"
            )
        if not missing:
            total = sum(known[ndb][column] * weight for ndb, weight in weights.items())
            values[column] = total / sum(weights.values())
    return Nutrients(**values)


def _weights(foods: str) -> dict[str, float]:
    pairs = (part.partition(":") for part in foods.split())
    return {ndb: float(weight) for ndb, _, weight in pairs}


def _stated(row: Mapping[str, str]) -> dict[str, float]:
    pairs = (part.partition("=") for part in row["stated"].split())
    stated = {column: float(value) for column, _, value in pairs}
    if stated and not row["reason"]:
        raise FoodError("values are stated without a reason")
    if stated.keys() - set(COLUMNS.values()):
        raise FoodError(f"unknown nutrient among {', '.join(stated)}")
    return stated
