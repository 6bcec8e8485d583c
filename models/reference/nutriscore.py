"""Computes the Nutri-Score of 2023: nutrients per 100 g or 100 ml → points → letter → score. Pure.

Source of all numbers: the reports of the Scientific Committee of the Nutri-Score on the main
algorithm (2022) and on beverages (2023), in force since the end of 2023. The penalty for sweeteners
is left out: no class needs it.
"""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["general", "red_meat", "cheese", "fat", "beverage", "water"]
Letter = Literal["A", "B", "C", "D", "E"]

SCORES: dict[Letter, int] = {"A": 5, "B": 4, "C": 3, "D": 2, "E": 1}

Thresholds = tuple[float, ...]
_TENTHS = range(1, 11)
_ENERGY: Thresholds = tuple(335.0 * n for n in _TENTHS)
_SUGAR: Thresholds = (3.4, 6.8, 10, 14, 17, 20, 24, 27, 31, 34, 37, 41, 44, 48, 51)
_SATURATED: Thresholds = tuple(float(n) for n in _TENTHS)
_SALT: Thresholds = tuple(n / 5 for n in range(1, 21))
_PROTEIN: Thresholds = (2.4, 4.8, 7.2, 9.6, 12, 14, 17)
_FIBRE: Thresholds = (3.0, 4.1, 5.2, 6.3, 7.4)
_FAT_ENERGY: Thresholds = tuple(120.0 * n for n in _TENTHS)  # kJ from saturated fat
# % of the fat that is saturated; a threshold counts when it is reached.
_FAT_RATIO: Thresholds = tuple(10.0 + 6 * n for n in range(10))
_DRINK_ENERGY: Thresholds = (30, 90, 150, 210, 240, 270, 300, 330, 360, 390)
_DRINK_SUGAR: Thresholds = (0.5, 2, 3.5, 5, 6, 7, 8, 9, 10, 11)
_DRINK_PROTEIN: Thresholds = (1.2, 1.5, 1.8, 2.1, 2.4, 2.7, 3.0)

_RED_MEAT_PROTEIN_MAX = 2
_SATURATED_KJ_PER_G = 37.0
_SALT_PER_SODIUM = 2.5

# Most points for A, B, C and D
_LIMITS: dict[Kind, tuple[int, int, int, int]] = {
    "general": (0, 2, 10, 18),
    "red_meat": (0, 2, 10, 18),
    "cheese": (0, 2, 10, 18),
    "fat": (-6, 2, 10, 18),
    "beverage": (-100, 2, 6, 9),  # only water is A
}


@dataclass(frozen=True, slots=True)
class Nutrients:
    """Nutrients in 100 g: energy in kJ, sodium in mg, the others in g."""

    energy_kj: float
    protein_g: float
    fat_g: float
    saturated_g: float
    sugar_g: float
    fibre_g: float
    sodium_mg: float

    @property
    def salt_g(self) -> float:
        """Salt as defined by food law, from sodium."""
        return self.sodium_mg * _SALT_PER_SODIUM / 1000


def letter(food: Nutrients, kind: Kind, produce_percent: float = 0) -> Letter:
    """Return A (best) to E. `produce_percent`: share of fruit, vegetables and legumes."""
    if kind == "water":
        return "A"
    total = points(food, kind, produce_percent)
    worse_than = sum(total > limit for limit in _LIMITS[kind])
    return tuple(SCORES)[worse_than]


def points(food: Nutrients, kind: Kind, produce_percent: float = 0) -> int:
    """Return points; fewer are better. Raises ValueError for water, which has none."""
    if kind == "water":
        raise ValueError("water is rated without points")
    unfavourable = _unfavourable(food, kind)
    favourable = _over(food.fibre_g, _FIBRE) + _produce(produce_percent, kind)
    if _protein_counts(unfavourable, kind):
        favourable += _protein(food.protein_g, kind)
    return unfavourable - favourable


def _unfavourable(food: Nutrients, kind: Kind) -> int:
    salt = _over(round(food.salt_g, 6), _SALT)  # 80 mg sodium are exactly 0.2 g salt
    if kind == "fat":
        energy = _over(food.saturated_g * _SATURATED_KJ_PER_G, _FAT_ENERGY)
        return energy + _over(food.sugar_g, _SUGAR) + _fat_ratio(food) + salt
    energy = _over(food.energy_kj, _DRINK_ENERGY if kind == "beverage" else _ENERGY)
    sugar = _over(food.sugar_g, _DRINK_SUGAR if kind == "beverage" else _SUGAR)
    return energy + sugar + _over(food.saturated_g, _SATURATED) + salt


def _fat_ratio(food: Nutrients) -> int:
    """Points for the share of saturated fat; here a threshold counts once it is reached."""
    ratio = 100 * food.saturated_g / food.fat_g if food.fat_g else 0.0
    return sum(ratio >= threshold for threshold in _FAT_RATIO)


def _protein(grams: float, kind: Kind) -> int:
    earned = _over(grams, _DRINK_PROTEIN if kind == "beverage" else _PROTEIN)
    return min(earned, _RED_MEAT_PROTEIN_MAX) if kind == "red_meat" else earned


def _protein_counts(unfavourable: int, kind: Kind) -> bool:
    """Protein does not compensate for much sugar, salt and fat, except in cheese and drinks."""
    return kind in {"cheese", "beverage"} or unfavourable < (7 if kind == "fat" else 11)


def _produce(percent: float, kind: Kind) -> int:
    """Points for fruit, vegetables and legumes, above 40, 60 and 80 %."""
    earned = (0, 2, 4, 6) if kind == "beverage" else (0, 1, 2, 5)
    return earned[_over(percent, (40, 60, 80))]


def _over(value: float, thresholds: Thresholds) -> int:
    """Return how many thresholds the value exceeds."""
    return sum(value > threshold for threshold in thresholds)
