"""Class names and food classes → labels.csv, one row a class in the order of the network's outputs."""

import csv
from collections.abc import Sequence
from pathlib import Path

from models.reference.foods import FoodClass, FoodError


def write_labels(names: Sequence[str], foods: Sequence[FoodClass], path: Path) -> None:
    """Write `name,group`; the group is empty where the class is no food. Raises FoodError if the two lists disagree."""
    groups = {food.index: food.group for food in foods}
    if len(groups) < len(foods):
        raise FoodError("a class is named twice")
    for food in foods:  # a slip by one would score a baguette as a bagel
        if not 0 <= food.index < len(names) or names[food.index] != food.name:
            raise FoodError(f"class {food.index} is not {food.name!r}")
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["name", "group"])
        writer.writerows([name, groups.get(index, "")] for index, name in enumerate(names))
