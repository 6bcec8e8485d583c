"""What was measured, as tables, verdicts and a page; and the simulated accelerator's own arithmetic."""

import io
import json
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from bench.accelerator import composition, device, feeding, profiles
from bench.pages import publish, report, targets
from bench.pages.tables import sections
from bench.processes import BenchError
from bench.throughput.memory_parts import CountingStore
from bench.throughput.throughput import ROWS
from docs.table import Table
from tests.support.fakes import score_bundle
from tests.support.stand import eventually
from worker import settings
from worker.pipeline.service_times import ServiceTimes

LEDGER = {"put": 9.0, "notify": 4.0, "queue": 3.0, "fetch": 6.0, "decode": 4.0, "infer": 17.0, "commit": 0.5}


def latencies(p99: float) -> dict[str, Any]:
    of_photos = {
        "p50_ms": 40.0,
        "p90_ms": 60.0,
        "p99_ms": p99,
        "under_1s": 0.98,
        "steps_mean": LEDGER,
        "photos": 200,
    }
    rates = {"offered_per_s": 20.0, "uploads_per_s": 90.0, "photos_per_s": 50.0, "uploaders": 10}
    counts = {
        "scored": 200,
        "already_scored": 200,
        "scored_again": 0,
        "sent_late_p99_ms": 1.0,
        "cores_taken": 0.02,
    }
    return {**of_photos, **rates, **counts}


def fed(limit: str) -> dict[str, Any]:
    shares = {"device_busy": 0.5, "cores_busy": 0.4, "cores_taken": 0.0, "mean_batch": 31.0}
    rates = {"photos_per_s": 900.0, "device_per_s": 2000.0, "per_core_per_s": 2000.0, "cpu_ms": 0.5}
    functions = [
        {"share": 0.25, "stage": "infer", "function": "score|x", "file": "worker/inference/scoring.py"}
    ]
    threads = {"infer": 0.3, "commit": 0.2}
    return {**shares, **rates, "threads_cpu_ms": threads, "limit": limit, "profile": {"functions": functions}}


def measured(*, p99: float = 240.0, overhead: float = 12.0) -> dict[str, Any]:
    numbers = dict.fromkeys(ROWS, 6.0) | {"cores_taken": 0.01}
    numbers |= {"memory_to_limit": 0.96, "worker_to_limit_with_services": 0.93}
    kinds = ("small", "3 MP", "12 MP")
    throughput = {
        "throughput": dict.fromkeys(kinds, numbers),
        "spread": {kind: {name: (value, value) for name, value in numbers.items()} for kind in kinds},
        "every_round": {kind: [numbers] for kind in kinds},
        "scale": {n: {"photos_per_s": 50.0, "shares": [0.5, 0.5], "scored_twice": 0} for n in ("1", "2")},
        "memory": {
            "early_photos": 1000,
            "late_photos": 8000,
            "early_mb": 900.0,
            "late_mb": 909.0,
            "growth": 0.01,
        },
    }
    return {
        "date": "2026-01-01",
        "machine": {
            "cores": 2,
            "cpu": "a CPU",
            "memory_gb": 8,
            "system": "Linux",
            "python": "3",
            "packages": {"x": "1"},
        },
        "options": {"rounds": 3, "photos": 400, "seconds": 25.0, "objects": 1000},
        "throughput": throughput,
        "batch_sizes": {"tensorflow": {"1": 60.0, "32": 120.0}, "litert": {"1": 140.0, "32": 130.0}},
        "latency": {
            "mix": ["small", "3 MP"],
            "capacity_per_s": 60.0,
            "one_at_a_time": {**latencies(80), "overhead_p50_ms": overhead},
            "loads": {"0.3": latencies(100), "0.8": latencies(p99)},
            "original": latencies(2000),
            "notifications": {
                "offered_per_s": 20.0,
                "alone": latencies(2200),
                "direct_request": latencies(150),
            },
        },
        "accelerator": {
            "call_ms": 4.0,
            "photo_ms": 0.375,
            "kinds": {
                "ready": fed("model thread"),
                "unprofiled": {k: v for k, v in fed("helpers").items() if k != "profile"},
                "small": fed("cores"),
            },
        },
    }


def verdicts(of: dict[str, Any]) -> dict[str, str]:
    return {one.what: one.verdict for one in targets.targets(of)}


def test_targets_are_met_or_missed_by_what_was_measured() -> None:
    good, bad = verdicts(measured()), verdicts(measured(p99=1200, overhead=15.1))
    assert good["PUT to result at 80 % load, p99"] == "met"
    assert bad["PUT to result at 80 % load, p99"] == "MISSED"
    assert bad["overhead at low load beyond decode and inference, median"] == "MISSED"
    assert good["throughput ÷ limit, LocalStack, small"] == "met"
    assert good["throughput ÷ limit, LocalStack, 3 MP"] == "MISSED"


def test_a_rival_that_is_faster_at_one_kind_is_a_target_missed() -> None:
    found = measured()
    kinds = found["throughput"]["throughput"]
    kinds["3 MP"] = {**kinds["3 MP"], "worker_to_celery": 0.99}
    assert verdicts(found)["throughput ÷ Celery, small"] == "met"
    assert verdicts(found)["throughput ÷ Celery, 3 MP"] == "MISSED"


def test_a_target_that_a_part_did_not_measure_is_named_and_those_of_other_parts_are_not() -> None:
    found = measured()
    del found["throughput"]["throughput"]["12 MP"]
    assert verdicts(found)["throughput ÷ limit, photos in memory, 12 MP"] == "not measured"
    assert verdicts({"accelerator": {}}) == {}


def test_every_row_of_every_table_fits_its_head_and_is_printed() -> None:
    written = io.StringIO()
    console = Console(width=200, file=written)
    for printed in report.tables(measured()):
        console.print(printed)
    shown = " ".join(written.getvalue().split())  # titles are broken into lines as wide as their table
    for tables in sections(measured()).values():
        for table in tables:
            assert table.title in shown
            assert {len(row) for row in table.rows} == {len(table.columns)}


def test_the_machine_is_called_busy_wherever_that_was_measured() -> None:
    busy = measured()
    assert report.warning(busy) == ""
    busy["latency"]["loads"]["0.8"]["cores_taken"] = 0.4
    assert "40%" in report.warning(busy)


def test_the_page_takes_every_section_and_keeps_its_prose() -> None:
    page = publish.PERFORMANCE.path.read_text()
    filled = publish.published(publish.PERFORMANCE, page, measured())
    for tables in sections(measured()).values():
        assert all(table.markdown() in filled for table in tables)
    assert "2 cores of a CPU" in filled
    assert "programs took up" not in filled
    assert publish.published(publish.PERFORMANCE, filled, measured()) == filled
    assert publish.MARKED.sub(r"\1\3", filled) == publish.MARKED.sub(r"\1\3", page)


def test_the_page_says_when_the_machine_was_busy() -> None:
    busy = measured()
    busy["latency"]["loads"]["0.8"]["cores_taken"] = 0.4
    assert "other programs took up to 40% of the cores meanwhile" in publish.published(
        publish.PERFORMANCE, publish.PERFORMANCE.path.read_text(), busy
    )


def test_a_page_that_lacks_a_section_is_refused() -> None:
    page = publish.PERFORMANCE.path.read_text().replace("<!-- loads:", "<!-- lods:")
    with pytest.raises(BenchError, match="loads"):
        publish.published(publish.PERFORMANCE, page, measured())


def test_only_a_whole_run_is_published(tmp_path: Path) -> None:
    part = {name: value for name, value in measured().items() if name != "latency"}
    (tmp_path / "bench.json").write_text(json.dumps(part))
    found = publish.last_run(tmp_path / "bench.json")
    with pytest.raises(BenchError, match="no latency"):
        publish.whole_pages(found)
    assert publish.whole_pages(measured()) == [publish.PERFORMANCE]
    assert publish.whole_pages({"duplicates": {}}) == [publish.DUPLICATES]
    with pytest.raises(BenchError, match="run `make bench`"):
        publish.last_run(tmp_path / "none.json")


def test_a_cell_with_a_bar_stays_one_cell() -> None:
    assert Table("t", ("a",), [("x|y",)]).markdown().splitlines()[-1] == "| x\\|y |"


def test_functions_are_counted_by_stage_without_waiting() -> None:
    stacks = [
        "thread (12): infer;step (worker/a.py:1);score (worker/b.py:2) 30",
        "thread (13): infer-helper-1;help (worker/a.py:9);load (PIL/c.py:3) 5",
        "thread (14): infer-helper-2;help (worker/a.py:9);load (PIL/c.py:3) 5",
        "thread (13): infer-helper-1;help (worker/a.py:9);Condition.wait (threading.py:1) 500",
        "thread (11): MainThread;main (x.py:1) 70",
    ]
    assert profiles.by_function(stacks) == [
        {"stage": "infer", "function": "score", "file": "worker/b.py", "share": 0.75},
        {"stage": "infer-helper", "function": "load", "file": "PIL/c.py", "share": 0.25},
    ]


def test_the_device_takes_2000_photos_a_second_in_batches_of_32() -> None:
    assert 32 / device.service_time(32) == pytest.approx(2000)


def test_the_device_counts_its_time_and_answers_every_photo() -> None:
    simulated = device.SimulatedDevice(score_bundle("m", 8), 4)
    outputs = simulated.predict(np.zeros((3, 8, 8, 3), np.uint8))
    assert {role: rows.shape for role, rows in outputs.items()} == {"score": (3, 1)}
    assert (simulated.calls, simulated.busy) == (1, device.service_time(3))


@pytest.mark.parametrize(
    ("device_busy", "cores_busy", "cores_taken", "mean_batch", "limit"),
    [
        (0.97, 0.5, 0.0, 32, "device"),
        (0.5, 0.95, 0.0, 32, "cores"),
        (0.5, 0.6, 0.35, 32, "others"),
        (0.5, 0.4, 0.0, 31, "model thread"),
        (0.5, 0.4, 0.0, 3, "helpers"),
    ],
)
def test_the_limit_follows_from_the_shares(
    device_busy: float, cores_busy: float, cores_taken: float, mean_batch: float, limit: str
) -> None:
    shares = {"device_busy": device_busy, "cores_busy": cores_busy, "cores_taken": cores_taken}
    assert feeding.limit({**shares, "mean_batch": mean_batch}, 32) == limit


def test_the_stages_around_the_device_score_every_photo_and_end() -> None:
    photo, store = io.BytesIO(), CountingStore()
    Image.new("RGB", (16, 16), "red").save(photo, "JPEG")
    wanted = settings.load({"WORKER_MODEL": "m", **feeding.NOTHING})
    simulated = device.SimulatedDevice(score_bundle("m", 8), wanted.batch_size)
    pipeline = composition.compose(wanted, [(simulated,)] * 2, ServiceTimes(), [photo.getvalue()], store)
    threads = threading.active_count()
    pipeline.start()
    eventually(lambda: store.written >= 100 or pipeline.error is not None, lambda: store.written)
    pipeline.cancel()
    assert pipeline.join(time.monotonic() + 10) == []
    assert pipeline.error is None
    assert store.statuses["failed"] == 0
    assert threading.active_count() == threads
