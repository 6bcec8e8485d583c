"""The bench of fetching and of SQS's calls: every way does the same, and what the aims are of."""

from functools import partial
from pathlib import Path

import pytest

from bench.fetch import queue_calls, tables, ways
from bench.fetch.ways import BOTO3, BY_URL, HASH, SIZES, WORKER
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


@pytest.mark.parametrize("protocol", ["HTTP", "HTTPS"])
def test_every_way_receives_and_deletes_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, protocol: str
) -> None:
    with ways.serve(protocol, tmp_path) as variables:
        for name, value in {**ways.CREDENTIALS, **variables}.items():
            monkeypatch.setenv(name, value)
        found = queue_calls.calls()
        received, by_boto3 = (found[queue_calls.RECEIVE][way]() for way in (WORKER, BOTO3))
        assert isinstance(received, list)
        assert isinstance(by_boto3, dict)
        handles = [one["ReceiptHandle"] for one in by_boto3["Messages"]]
        assert [one.receipt_handle for one in received] == handles
        assert len(handles) == queue_calls.MESSAGES
        deleted, by_boto3 = (found[queue_calls.DELETE][way]() for way in (WORKER, BOTO3))
        assert deleted == []
        assert isinstance(by_boto3, dict)
        assert len(by_boto3["Successful"]) == queue_calls.MESSAGES


def test_ways_take_turns_and_each_has_its_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = list[str]()
    found = {name: partial(calls.append, name) for name in ("a", "b")}
    monkeypatch.setattr(ways, "TURNS", 2)
    figures = ways.compare(found, 1, rounds=1)
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


def test_calls_of_sqs_have_a_row_and_an_aim_each() -> None:
    part = measured.queue_calls()
    part["HTTPS"] = {
        **part["HTTPS"],
        "delete": {way: {**part["HTTP"]["delete"][WORKER]} for way in (WORKER, BOTO3)},
    }
    assert [row[-1] for row in tables.calls(part).rows] == ["0.12", "0.12", "0.12", "1.00"]
    assert [aim.verdict for aim in tables.aims_of_calls(part)] == ["met", "met", "met", "MISSED"]
