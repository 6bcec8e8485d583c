"""The quality of the hashes: counts, variants of photos, and their picture and tables."""

import io
from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageOps

from bench.duplicates.quality import album, chart, counts, layouts, recognition, recoloured, tables
from bench.duplicates.quality.album import Picture
from bench.duplicates.quality.variants import TURNED, variants
from docs.tools import plot
from tests.support.colours import turn_hue
from tests.support.measured import quality
from tests.support.photos import COFFEE
from worker.photos.hashes import ALGORITHMS, PHASH

SVG = "{http://www.w3.org/2000/svg}"
HEX = st.integers(0, 2**64 - 1)


def scene(width: int = 96, height: int = 64) -> Image.Image:
    """A picture without symmetry."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 0] = np.linspace(0, 255, width).astype(np.uint8)
    pixels[: height // 3, : width // 4, 1:] = 220
    pixels[height // 2 :, width // 2 :, 2] = np.random.default_rng(2).integers(0, 256, 1)
    return Image.fromarray(pixels)


def open_image(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


# what is counted


@given(HEX, HEX)
def test_the_distance_is_the_number_of_bits_that_differ(one: int, other: int) -> None:
    found = counts.distance(f"phash-1:{one:016x}", f"phash-1:{other:016x}", 64)
    assert found == sum((one >> bit & 1) != (other >> bit & 1) for bit in range(64))


@pytest.mark.parametrize("pair", [(None, "phash-1:00"), ("phash-1:00", None), (None, None)])
def test_without_a_hash_nothing_is_found(pair: tuple[str | None, str | None]) -> None:
    assert counts.distance(*pair, 64) == 64
    assert counts.within([64], 64)["16"] == 0


def test_longer_hashes_have_radii_in_proportion() -> None:
    assert counts.radii(64) == list(range(17))
    assert counts.radii(256) == list(range(0, 65, 4))


@given(st.lists(st.integers(0, 64), min_size=1))
def test_distances_are_counted_within_each_radius(found: list[int]) -> None:
    expected = {str(radius): sum(one <= radius for one in found) for radius in range(17)}
    assert counts.within(found, 64) == expected


def test_the_summary_counts_what_the_default_radius_finds() -> None:
    found = counts.summary([0, 6, 7, 20], 64, 6)
    assert (found["count"], found["within_default"], found["median"], found["least"]) == (4, 2, 6.5, 0)


def test_pairs_are_different_photos_or_different_quarters() -> None:
    some = [Picture("a", part, b"") for part in range(3)] + [Picture("b", part, b"") for part in (0, 1)]
    assert counts.different_pairs(some) == [(0, 3), (0, 4), (1, 2), (1, 3), (1, 4), (2, 3), (2, 4)]


# what is hashed


def test_quarters_have_nothing_in_common_and_leave_nothing_out() -> None:
    whole = Picture("scene", 0, album.png(scene()))
    parts = [np.asarray(open_image(one.data)) for one in album.quarters(whole)]
    put_together = np.vstack([np.hstack(parts[:2]), np.hstack(parts[2:])])
    assert (put_together == np.asarray(scene())).all()


@pytest.mark.parametrize("name", variants())
def test_a_variant_shows_the_same_picture(name: str) -> None:
    shown = ImageOps.exif_transpose(open_image(variants()[name](scene()))).convert("RGB").resize((96, 64))
    assert np.abs(np.asarray(shown, np.float64) - np.asarray(scene())).mean() < 25


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("size 50 %", (48, 32)),
        ("size 200 %", (192, 128)),
        ("crop 5 %, each side", (86, 58)),
        ("crop 5 %, one side", (91, 64)),
        ("orientation 6", (64, 96)),
    ],
)
def test_a_variant_has_the_size_that_its_name_says(name: str, size: tuple[int, int]) -> None:
    assert open_image(variants()[name](scene())).size == size


@pytest.mark.parametrize("tag", TURNED)
def test_a_turned_variant_carries_the_tag(tag: int) -> None:
    assert open_image(variants()[f"orientation {tag}"](scene())).getexif()[ExifTags.Base.Orientation] == tag


@pytest.mark.parametrize(
    ("name", "least", "most"), [("brightness +20 %", 1.1, 1.25), ("brightness -20 %", 0.75, 0.85)]
)
def test_a_variant_is_as_bright_as_its_name_says(name: str, least: float, most: float) -> None:
    bright, plain = np.asarray(open_image(variants()[name](scene()))).mean(), np.asarray(scene()).mean()
    assert least < bright / plain < most


def test_pictures_without_content_are_confused_only_without_the_gate() -> None:
    found = recognition.confuse(PHASH, album.empty())
    assert found["gated"]["without_hash"] == len(album.empty())
    assert found["ungated"]["without_hash"] == 0
    assert found["gated"]["within_default"] == 0 < found["ungated"]["within_default"]


def test_a_different_picture_is_not_recognised() -> None:
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 256, (64, 96, 3), np.uint8))
    whole = Picture("scene", 0, album.png(noise))
    made = {"same": [whole.data], "turned": [album.png(noise.rotate(180))]}
    found = recognition.recognise(PHASH, [whole], made)
    assert {name: one["within_default"] for name, one in found.items()} == {
        "same": 1,
        "turned": 0,
        "all": 1,
        "by_hash": 1,
    }


def test_a_photo_in_other_colours_is_recognised_by_its_hash_alone() -> None:
    with Image.open(COFFEE) as image:
        whole = Picture("coffee", 0, album.png(image.convert("RGB")))
        made = {"red": [album.png(turn_hue(image.convert("RGB"), 120))]}
    found = recognition.recognise(PHASH, [whole], made)
    assert {name: one["within_default"] for name, one in found.items()} == {"red": 0, "all": 0, "by_hash": 1}


def test_only_photos_that_changed_visibly_count_as_recoloured() -> None:
    with Image.open(COFFEE) as image:
        coffee, grey = (album.png(one) for one in (image.convert("RGB"), image.convert("L")))
    counted = recoloured.confuse(
        PHASH, [Picture("coffee", 0, coffee), Picture("grey", 0, grey)], recognition.look_of
    )
    assert counted["hue turned by 120°"] == {"count": 1, "by_hash": 1, "with_colours": 0}
    assert counted["all"]["count"] == len(recoloured.recolourings())
    assert counted["all"]["with_colours"] == 0 < counted["all"]["by_hash"]


def test_a_layout_of_more_parts_sees_what_changed_in_the_middle() -> None:
    with Image.open(COFFEE) as image:
        photo = image.convert("RGB").resize((layouts.SIDE, layouts.SIDE))
    turned = turn_hue(photo, 120, 0.4)
    one, other = (np.asarray(picture, np.float64) / 255 for picture in (photo, turned))
    apart = {name: distance(one, other) for name, distance in layouts.layouts().items()}
    assert all(distance(one, one) == 0 for distance in layouts.layouts().values())
    assert 0 < apart["1 × 1 parts, CIELAB"] < apart["3 × 3 parts, CIELAB"]


def test_each_layout_gets_the_bound_that_keeps_the_variants() -> None:
    with Image.open(COFFEE) as image:
        whole = Picture("coffee", 0, album.png(image.convert("RGB")))
    compared = layouts.compare([whole], {"same": [whole.data]}, recognition.near_by_hash)
    assert {row["bound"] for row in compared.values()} == {0}
    assert {row["mistaken"] for row in compared.values()} == {0}
    assert {row["count"] for row in compared.values()} == {len(recoloured.recolourings())}


# how it is shown


def test_the_picture_is_well_formed_and_says_what_the_default_radius_gives() -> None:
    figure = chart.quality(quality())
    drawn = plot.svg(figure)
    words = [text.text for text in ElementTree.fromstring(drawn).iter(f"{SVG}text")]  # noqa: S314 - our own
    assert "phash, radius 6: 50.0% found, 0.50% mistaken" in words
    rings = [line for half in figure.axes for line in half.lines if line.get_markerfacecolor() == "none"]
    assert len(rings) == 2 * len(ALGORITHMS)
    assert drawn == plot.svg(chart.quality(quality()))


def test_shares_of_wrong_pairs_are_logarithmic_with_a_place_for_none_below() -> None:
    wrong = chart.quality(quality()).axes[1]
    places = [
        float(wrong.transAxes.inverted().transform(wrong.transData.transform((0, share)))[1])
        for share in (0, *chart.WRONG)
    ]
    steps = [above - below for below, above in pairwise(places)]
    assert 0 == places[0] < places[1]
    assert places[-1] == pytest.approx(1)
    assert steps[1:] == pytest.approx([steps[1]] * 3)


def test_the_tables_say_what_was_counted() -> None:
    by_transformation, found, recoloured, layout, mistaken, empty = tables.quality(quality())
    assert by_transformation.rows[0][:2] == ("JPEG 30", "100% · 0.5")
    assert by_transformation.rows[1][:2] == ("all", "50% · 32.5")
    assert found.rows[0][:3] == ("phash", "25.0%", "50.0%")
    assert [row[2:] for row in recoloured.rows] == [("75.0%", "50.0%")] + 2 * [("19 · 95.0%", "1 · 5.0%")]
    assert layout.rows == [("2 × 2", "11", "5 · 25.0%")]
    assert mistaken.rows[0][:2] == ("phash", "0.50%")
    assert empty.rows[0] == ("phash", "3 of 3", "75.0%", "0.0%", "3 of 10")
    for table in (by_transformation, found, recoloured, layout, mistaken, empty):
        assert {len(row) for row in table.rows} == {len(table.columns)}
