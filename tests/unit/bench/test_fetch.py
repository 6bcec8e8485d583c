"""The bench of fetching: every way reads the same bytes, and the aim is of small photos."""

from functools import partial
from pathlib import Path

import pytest

from bench.fetch import tables, ways
from bench.fetch.ways import BY_URL, HASH, SIZES, WORKER
from tests.support import measured
from worker.messages import Fetched


@pytest.mark.parametrize("protocol", ["HTTP", "HTTPS"])
def test_every_way_reads_and_hashes_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, protocol: str
) -> None:
    with ways.serve(protocol, tmp_path) as variables:
        for name, value in {**ways.CREDENTIALS, **variables}.items():
            monkeypatch.setenv(name, value)
        found = ways.ways()
        for size in SIZES.values():
            read = {way: get(size) for way, get in found.items() if way != HASH}
            fetched = read.pop(WORKER)
            assert isinstance(fetched, Fetched)
            assert sum(map(len, fetched.pieces)) == size
            assert set(read.values()) == {fetched.sha256}


def test_ways_take_turns_and_each_has_its_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = list[str]()
    found = {name: partial(lambda name, _: calls.append(name), name) for name in ("a", "b")}
    monkeypatch.setattr(ways, "GETS", {"small": 1})
    monkeypatch.setattr(ways, "TURNS", 2)
    figures = ways.compare(found, "small", rounds=1)
    assert calls == ["a", "a", "b", "b"] * 2
    assert all(one["least_ms"] <= one["cpu_ms"] <= one["most_ms"] for one in figures.values())
    assert set(figures) == {"a", "b"}


def test_the_table_shows_the_ratio_with_and_without_the_hash() -> None:
    rows = tables.fetch(measured.fetch()).rows
    assert len(rows) == 2 * len(SIZES)
    assert rows[0][-2:] == ("0.33", "0.20")


@pytest.mark.parametrize(("ms", "verdict"), [(0.59, "met"), (0.61, "MISSED")])
def test_the_aim_is_less_than_half_of_a_signed_url(ms: float, verdict: str) -> None:
    part = measured.fetch()
    small = part["HTTPS"]["small"]
    part["HTTPS"]["small"] = {**small, WORKER: {**small[WORKER], "cpu_ms": ms}, BY_URL: small[BY_URL]}
    assert [aim.verdict for aim in tables.aims(part)] == ["met", verdict]
