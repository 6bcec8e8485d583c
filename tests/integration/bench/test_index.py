"""The index filled on a real Valkey: look-ups are timed and checked."""

from collections.abc import Iterator

import numpy as np
import pytest

from bench.duplicates.index import filled_index, growth, server
from bench.duplicates.index.filled_index import FilledIndex
from bench.duplicates.index.hashes import draw_balanced
from bench.duplicates.index.rivals import LinearScan
from bench.duplicates.index.server import start_valkey
from bench.pages import report
from bench.processes import BenchError


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


def test_filling_continues_where_it_stopped(filled: FilledIndex) -> None:
    filled.look_up(6)
    filled.fill(260)
    assert len(filled.hashes) == 260
    assert filled.look_up(0)["buckets_read"] == 4


def test_a_size_is_looked_up_several_times_and_weighed_before(filled: FilledIndex) -> None:
    row = growth.measure_size(filled, 210, "photos", lambda _: None)
    assert len(filled.hashes) == 210 + 20 * growth.ROUNDS
    assert {"script_p99_ms", "entries_p99", "cores_taken", "bytes"} <= set(row)


def test_a_busy_machine_is_reported(filled: FilledIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter((0.0, 1e6))
    monkeypatch.setattr(server, "busy_seconds", lambda: next(seconds))
    assert "other programs took up to" in report.warning({"index": filled.look_up(6)})


def test_filled_in_photos_are_older_than_looked_up_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filled_index, "QUERIES", 3)
    same = draw_balanced(1, seed=5)
    with start_valkey() as valkey:
        made = FilledIndex(valkey, np.concatenate([draw_balanced(100, seed=1), same]), same)
        made.fill(100)
        made.look_up(0)  # stores it as photo 100
        made.fill(104)
        made.look_up(0)
    assert made.asked[0] == (int(same[0]), 103)


def test_the_slow_log_is_empty_afterwards_and_takes_no_memory(filled: FilledIndex) -> None:
    filled.look_up(6)
    assert filled.server.slowlog_len() == 0


def test_rivals_that_disagree_end_the_measurement(
    filled: FilledIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
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
