"""What the bench measures the index with: it fills a real Valkey, and does not believe a wrong answer."""

from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from bench.duplicates import distinct_photos
from bench.duplicates.index import chart, filled_index, growth, server
from bench.duplicates.index import tables as index_tables
from bench.duplicates.index.filled_index import FilledIndex
from bench.duplicates.index.hashes import draw_balanced, luminances, phash, sums
from bench.duplicates.index.rivals import LinearScan
from bench.duplicates.index.server import start_valkey
from bench.pages import publish, report, tables
from bench.photos import NAMES, SAMPLES
from bench.processes import BenchError
from docs import marked, plot
from tests.support.measured import index, quality, speed
from worker.photos.decoding import Target, prepare
from worker.photos.hashes import PHASH


@pytest.fixture
def filled(monkeypatch: pytest.MonkeyPatch) -> Iterator[FilledIndex]:
    monkeypatch.setattr(filled_index, "QUERIES", 20)
    monkeypatch.setattr(filled_index, "SAMPLE", 2)
    with start_valkey() as valkey:
        made = FilledIndex(valkey, draw_balanced(300, seed=1), draw_balanced(50, seed=2))
        made.fill(200)
        yield made


def test_look_ups_are_timed_at_the_server_and_every_second_one_has_a_look_alike(filled: FilledIndex) -> None:
    found = filled.look_up(6)
    assert 0 < found["script_p50_ms"] <= found["script_p99_ms"]
    assert found["buckets_read"] == 52
    assert 4 <= found["entries_p50"] <= found["entries_p99"]  # its own, in each band
    assert found["cores_taken"] >= 0
    assert sum(oldest is not None for _, oldest in filled.asked) >= 10
    assert len(filled.hashes) == 220
    weighed = filled.weigh()
    assert weighed["bytes"] > weighed["own_keys_bytes"] > 0


def test_it_goes_on_filling_where_it_was(filled: FilledIndex) -> None:
    filled.look_up(6)
    filled.fill(260)
    assert len(filled.hashes) == 260
    assert filled.look_up(0)["buckets_read"] == 4


def test_a_size_is_looked_up_several_times_and_weighed_before(filled: FilledIndex) -> None:
    row = growth.measure_size(filled, 210, "photos", lambda _: None)
    assert len(filled.hashes) == 210 + 20 * growth.ROUNDS
    assert {"script_p99_ms", "entries_p99", "cores_taken", "bytes"} <= set(row)


def test_a_busy_machine_is_told(filled: FilledIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter((0.0, 1e6))
    monkeypatch.setattr(server, "busy_seconds", lambda: next(seconds))
    assert "other programs took up to" in report.warning({"index": filled.look_up(6)})


def test_what_is_filled_in_is_older_than_what_was_looked_up_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filled_index, "QUERIES", 3)
    same = draw_balanced(1, seed=5)
    with start_valkey() as valkey:
        made = FilledIndex(valkey, np.concatenate([draw_balanced(100, seed=1), same]), same)
        made.fill(100)
        made.look_up(0)  # stores it as photo 100
        made.fill(104)
        made.look_up(0)
    assert made.asked[0] == (int(same[0]), 103)


def test_it_leaves_no_notes_at_the_server_that_would_count_as_memory(filled: FilledIndex) -> None:
    filled.look_up(6)
    assert filled.server.slowlog_len() == 0


def test_rivals_that_differ_end_the_measurement(filled: FilledIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    class Blind(LinearScan):
        """Finds all but the first."""

        def within(self, bits: int, radius: int) -> list[int]:
            return super().within(bits, radius)[1:]

    filled.look_up(6)
    monkeypatch.setattr(growth, "BkTree", LinearScan)
    assert set(growth.run_rivals(filled.hashes, filled.asked)) == {"numpy_p50_ms", "bk_tree_p50_ms"}
    monkeypatch.setattr(growth, "BkTree", Blind)
    with pytest.raises(BenchError, match="numpy finds"):
        growth.run_rivals(filled.hashes, filled.asked)


def test_a_wrong_answer_ends_the_measurement(filled: FilledIndex) -> None:
    filled.server.flushall()
    with pytest.raises(BenchError, match="the index knows None"):
        filled.look_up(6)


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


def test_the_photos_of_a_burst_are_hardly_ever_look_alikes() -> None:
    shown = [Image.open(SAMPLES / name).convert("RGB") for name in NAMES]
    cut = distinct_photos.jpegs(shown, 60, seed=1)
    assert cut == distinct_photos.jpegs(shown, 60, seed=1) != distinct_photos.jpegs(shown, 60, seed=2)
    told = [prepare(one, Target(224, 224, "crop"), 1_000_000)[1] for one in cut]
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


def test_aims_are_met_or_missed_by_what_was_measured() -> None:
    table = index_tables.aims(PART)
    assert [row[-1] for row in table.rows] == ["MISSED", "met", "met", "met"]
    assert table.rows[-1][2] == "0.980 (0.93 … 1.04)"


def test_the_tables_of_the_index_fit_their_heads() -> None:
    given = [
        *index_tables.index(PART["index"]),
        index_tables.throughput(PART["throughput"]),
    ]
    for table in [*given, index_tables.by_chance()]:
        assert {len(row) for row in table.rows} == {len(table.columns)}
    assert [row[0] for row in given[2].rows] == ["6", "8"]


def test_the_picture_names_every_way_and_every_size() -> None:
    drawn = plot.svg(chart.index_time(PART["index"]["sizes"]))
    assert all(word in drawn for word in ("10,000", "1,000,000", "this index", "BK-tree", "numpy"))


def test_the_page_of_duplicates_takes_every_section_and_keeps_its_prose() -> None:
    whole = {**speed(), "duplicates": {**PART, "quality": quality()}}
    page = publish.PAGES[2]
    text = page.path.read_text()
    filled = publish.fill(page, text, whole)
    for some in tables.duplicates(whole).values():
        assert all(table.markdown() in filled for table in some)
    assert marked.PART.sub(r"\1\3", filled) == marked.PART.sub(r"\1\3", text)
    assert publish.complete_pages(whole) == [*publish.PAGES]
