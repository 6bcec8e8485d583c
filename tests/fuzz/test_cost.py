"""Whatever a file holds, decoding it ends within the bounds of time and memory of SECURITY.md."""

from collections import Counter
from pathlib import Path

import pytest

from bench.hostile import photos as hostile
from bench.hostile.photos import segment
from tests.fuzz.child import ALLOWED, DIED, decode
from tests.fuzz.floods import FLOODS, jpeg
from tests.fuzz.mutants import light_mutants, mutants
from tests.support import heic
from worker.errors import PhotoError
from worker.photos import opening
from worker.photos.decoding import Target
from worker.photos.thumbnails import decode_cheapest

MUTANTS = 80  # of each format
TABLES = 530  # bytes in front of the pictures of a HEIC
DECODED_NOTHING = 16_000_000  # bytes; each pixel of 4,000 × 4,000 takes at least one


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_of_parts_is_decoded_or_refused_within_the_bounds(tmp_path: Path, name: str) -> None:
    path = tmp_path / "photo"
    path.write_bytes(FLOODS[name]())
    (decoded,) = decode([path])
    assert decoded.outcome in ALLOWED, decoded
    assert decoded.memory <= decoded.bound, decoded


@pytest.mark.parametrize("part", [segment(marker, b"x" * 60_000) for marker in (0xE5, 0xFE)])
def test_metadata_costs_no_more_in_a_picture_without_its_end(tmp_path: Path, part: bytes) -> None:
    path = tmp_path / "photo"
    path.write_bytes(jpeg(part)[:-2])
    (decoded,) = decode([path])
    assert decoded.outcome == "pixels", decoded
    assert decoded.memory <= decoded.bound, decoded


@pytest.mark.parametrize(
    ("image_format", "side", "outcome"),
    [
        ("AVIF", 100, "unreadable_image"),
        ("AVIF", 4_000, "unreadable_image"),
        ("HEIF", 4_000, "unreadable_image"),
    ],
)
def test_a_picture_larger_than_its_header_says_is_refused_before_it_is_decoded(
    tmp_path: Path, image_format: str, side: int, outcome: str
) -> None:
    path = tmp_path / "photo"
    path.write_bytes(hostile.false_size(image_format, side))
    (decoded,) = decode([path])
    assert decoded.outcome == outcome, decoded
    assert decoded.memory <= DECODED_NOTHING, decoded


def test_tables_that_lead_to_a_thumbnail_may_be_damaged(tmp_path: Path) -> None:
    photo = heic.file(heic.picture((640, 480)), heic.picture((320, 240), heic.RED, of=[1]))
    paths = list[Path]()
    for number, mutant in enumerate(light_mutants(photo, TABLES, seed=1)):
        paths.append(tmp_path / f"{number}")
        paths[-1].write_bytes(mutant)
    found = list(decode(paths))
    assert [one for one in found if one.outcome not in ALLOWED] == []
    assert [one for one in found if one.memory > one.bound] == []
    decoded = Counter(_decoded(path.read_bytes()) for path in paths)
    assert min(decoded["thumbnail"], decoded["photo"], decoded["error"]) >= TABLES // 20, decoded


def _decoded(data: bytes) -> str:
    try:
        return decode_cheapest(opening.open_photo(data, 10**6), data, Target(224, 224, "crop"))[2]
    except PhotoError:
        return "error"


@pytest.mark.parametrize("image_format", opening.FORMATS)
def test_a_damaged_photo_is_decoded_or_refused_within_the_bounds(tmp_path: Path, image_format: str) -> None:
    paths = [tmp_path / f"{number}" for number in range(MUTANTS)]
    for path, mutant in zip(paths, mutants(image_format, MUTANTS, seed=1), strict=True):
        path.write_bytes(mutant)
    found = list(decode(paths))
    assert [one for one in found if one.outcome not in ALLOWED | {DIED}] == []
    assert [one for one in found if one.memory > one.bound] == []
    assert Counter(one.outcome for one in found)[DIED] <= 1, "a decoder that dies or hangs costs a process"
