"""Whatever a file holds, decoding it ends within the bounds of time and memory of SECURITY.md."""

from collections import Counter
from pathlib import Path

import pytest

from tests.fuzz.child import ALLOWED, DIED, decode
from tests.fuzz.floods import FLOODS
from tests.fuzz.mutants import mutants
from worker.photos import decoding

MUTANTS = 80  # of each format


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_of_parts_is_decoded_or_refused_within_the_bounds(tmp_path: Path, name: str) -> None:
    path = tmp_path / "photo"
    path.write_bytes(FLOODS[name]())
    (decoded,) = decode([path])
    assert decoded.outcome in ALLOWED, decoded
    assert decoded.memory <= decoded.bound, decoded


@pytest.mark.parametrize("image_format", decoding.FORMATS)
def test_a_damaged_photo_is_decoded_or_refused_within_the_bounds(tmp_path: Path, image_format: str) -> None:
    paths = [tmp_path / f"{number}" for number in range(MUTANTS)]
    for path, mutant in zip(paths, mutants(image_format, MUTANTS, seed=1), strict=True):
        path.write_bytes(mutant)
    found = list(decode(paths))
    assert [one for one in found if one.outcome not in ALLOWED | {DIED}] == []
    assert [one for one in found if one.memory > one.bound] == []
    assert Counter(one.outcome for one in found)[DIED] <= 1, "a decoder that dies or hangs costs a process"
