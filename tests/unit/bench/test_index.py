"""The index of duplicates measured: hashes to fill it with, rivals, tables, the picture, the page."""

import numpy as np
from PIL import Image

from bench.duplicates import distinct_photos
from bench.duplicates.index import aims, chart
from bench.duplicates.index import tables as index_tables
from bench.duplicates.index.hashes import draw_balanced, luminances, phash, sums
from bench.duplicates.index.rivals import LinearScan
from bench.pages import publish, tables
from bench.pages.pages import PAGES
from bench.photos import NAMES, SAMPLES
from docs.tools import marked, plot
from tests.support.measured import index, quality, speed
from worker.photos.decoding import Target, prepare
from worker.photos.hashes import PHASH


def test_half_of_the_bits_are_set_as_phash_sets_them() -> None:
    drawn = draw_balanced(100, seed=3)
    assert set(np.bitwise_count(drawn).tolist()) == {32}
    assert len(set(drawn.tolist())) == 100


def test_crops_are_hashed_as_the_worker_hashes_photos() -> None:
    photo = sums((SAMPLES / NAMES[0]).read_bytes())
    cut = luminances(np.random.default_rng(1), photo, 40)
    for bits, grey in zip(phash(cut).tolist(), cut, strict=True):
        told = PHASH(Image.fromarray(grey.round().astype(np.uint8)).convert("RGB"))
        assert told is not None
        assert (int(told.partition(":")[2], 16) ^ bits).bit_count() <= 2  # it rounds the luminance
    assert len(set(phash(cut).tolist())) > 30


def test_the_photos_of_a_burst_are_rarely_look_alikes() -> None:
    shown = [Image.open(SAMPLES / name).convert("RGB") for name in NAMES]
    cut = distinct_photos.jpegs(shown, 60, seed=1)
    assert cut == distinct_photos.jpegs(shown, 60, seed=1) != distinct_photos.jpegs(shown, 60, seed=2)
    told = [prepare(one, Target(224, 224, "crop"), 1_000_000)[1].image_hash for one in cut]
    bits = np.array([int(one.partition(":")[2], 16) for one in told if one], np.uint64)
    assert len(bits) > 50
    alike = sum(len(LinearScan(bits).within(int(one), PHASH.radius)) > 1 for one in bits)
    assert alike < len(bits) / 10


def test_the_scan_finds_what_a_plain_loop_finds() -> None:
    hashes = draw_balanced(200, seed=4)
    hashes[7] = hashes[3] ^ np.uint64(0b101)
    wanted = int(hashes[3])
    expected = [n for n, one in enumerate(hashes) if (int(one) ^ wanted).bit_count() <= 6]
    assert LinearScan(hashes).within(wanted, 6) == expected == [3, 7]


PART = index()


def test_measurements_meet_or_miss_the_aims_of_the_index() -> None:
    found = aims.aims(PART)
    assert [aim.verdict for aim in found] == ["MISSED", "met", "met", "met"]
    assert found[-1].row[2] == "0.980 (0.93 … 1.04)"


def test_the_tables_of_the_index_fit_their_heads() -> None:
    given = [*index_tables.index(PART["index"]), index_tables.throughput(PART["throughput"])]
    for table in [*given, aims.by_chance()]:
        assert {len(row) for row in table.rows} == {len(table.columns)}
    assert [row[0] for row in given[2].rows] == ["6", "8"]


def test_the_picture_names_every_rival_and_every_size() -> None:
    drawn = plot.svg(chart.index_time(PART["index"]["sizes"]))
    assert all(word in drawn for word in ("10,000", "1,000,000", "this index", "BK-tree", "numpy"))


def test_the_page_of_duplicates_takes_every_section_and_keeps_its_prose() -> None:
    whole = {**speed(), "duplicates": {**PART, "quality": quality()}}
    page = PAGES[2]
    text = page.path.read_text()
    filled = publish.fill(page, text, whole)
    for some in tables.duplicates(whole).values():
        assert all(table.markdown() in filled for table in some)
    assert marked.PART.sub(r"\1\3", filled) == marked.PART.sub(r"\1\3", text)
    assert publish.complete_pages(whole) == [*PAGES[:3]]
