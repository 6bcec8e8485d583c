"""Reads the food classes from class-foods.csv, gives them a score, and writes labels.csv.

A class is one food of SR28, or a mixture by weight (`09037:78 11529:9`). A nutrient that SR28 lacks
must be stated in the table (`sugar_g=0`) with a reason; it never silently counts as 0.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast, get_args

from models.reference import HERE, RecipeError
from models.reference.nutrients import COLUMNS, read_nutrients
from models.reference.nutriscore import SCORES, Kind, Letter, Nutrients, letter

TABLE = HERE / "class-foods.csv"

Known = Mapping[str, Mapping[str, float]]  # NDB number → column → value per 100 g


class FoodError(RecipeError):
    """Raised for a row of class-foods.csv that cannot be scored; says which and why."""


@dataclass(frozen=True, slots=True)
class FoodClass:
    """An ImageNet class that is a food."""

    index: int  # among the network's outputs
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
        nutrients = mixture(_parse_weights(row["foods"]), _parse_stated(row), known)
    except (FoodError, ValueError) as error:
        raise FoodError(f"class {row['class']} ({row['name']}): {error}") from error
    if row["kind"] not in get_args(Kind):
        raise FoodError(f"class {row['class']} ({row['name']}): unknown kind {row['kind']!r}")
    rated = letter(nutrients, cast(Kind, row["kind"]), float(row["produce_percent"]))
    return FoodClass(int(row["class"]), row["name"], row["group"], rated)


def mixture(weights: Mapping[str, float], stated: Mapping[str, float], known: Known) -> Nutrients:
    """Return the mean of foods by weight, per 100 g. `stated` may only fill gaps of SR28."""
    values = dict(stated)
    for column in COLUMNS.values():
        missing = [ndb for ndb in weights if column not in known.get(ndb, {})]
        if bool(missing) != (column in stated):
            gap = f"is missing in {', '.join(missing)}"
            raise FoodError(f"{column} {gap if missing else 'is stated, but known'}")
        if not missing:
            total = sum(known[ndb][column] * weight for ndb, weight in weights.items())
            values[column] = total / sum(weights.values())
    return Nutrients(**values)


def _parse_weights(foods: str) -> dict[str, float]:
    pairs = (part.partition(":") for part in foods.split())
    return {ndb: float(weight) for ndb, _, weight in pairs}


def _parse_stated(row: Mapping[str, str]) -> dict[str, float]:
    pairs = (part.partition("=") for part in row["stated"].split())
    stated = {column: float(value) for column, _, value in pairs}
    if stated and not row["reason"]:
        raise FoodError("values are stated without a reason")
    if stated.keys() - set(COLUMNS.values()):
        raise FoodError(f"unknown nutrient among {', '.join(stated)}")
    return stated


def write_labels(names: Sequence[str], foods: Sequence[FoodClass], path: Path) -> None:
    """Write labels.csv: `name,group` of each class in the order of the outputs; food has a group.

    Raises FoodError if the two lists contradict each other.
    """
    groups = {food.index: food.group for food in foods}
    if len(groups) < len(foods):
        raise FoodError("a class is named twice")
    for food in foods:  # an index off by one would score a baguette as a bagel
        if not 0 <= food.index < len(names) or names[food.index] != food.name:
            raise FoodError(f"class {food.index} is not {food.name!r}")
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["name", "group"])
        writer.writerows([name, groups.get(index, "")] for index, name in enumerate(names))
