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

from bench.accelerator import device, feeding, profiles
from bench.memory.queues import EndlessQueue
from bench.memory.stages import assemble
from bench.memory.stores import CountingStore, MemoryPhotos
from bench.pages import publish, report, targets
from bench.pages.tables import sections
from bench.processes import BenchError
from docs import marked
from docs.table import Table
from tests.support.fakes import score_bundle
from tests.support.measured import speed
from tests.support.waiting import eventually
from worker import settings
from worker.pipeline.service_times import ServiceTimes


def verdicts(of: dict[str, Any]) -> dict[str, str]:
    return {one.what: one.verdict for one in targets.targets(of)}


def test_targets_are_met_or_missed_by_what_was_speed() -> None:
    good, bad = verdicts(speed()), verdicts(speed(p99=1200, overhead=15.1))
    assert good["PUT to result at 80 % load, p99"] == "met"
    assert bad["PUT to result at 80 % load, p99"] == "MISSED"
    assert bad["overhead at low load beyond decode and inference, median"] == "MISSED"
    assert good["throughput ÷ limit, LocalStack, small"] == "met"
    assert good["throughput ÷ limit, LocalStack, 3 MP"] == "MISSED"


def test_a_rival_that_is_faster_at_one_kind_is_a_target_missed() -> None:
    found = speed()
    kinds = found["throughput"]["throughput"]
    kinds["3 MP"] = {**kinds["3 MP"], "worker_to_celery": 0.99}
    assert verdicts(found)["throughput ÷ Celery, small"] == "met"
    assert verdicts(found)["throughput ÷ Celery, 3 MP"] == "MISSED"


def test_a_target_that_a_part_did_not_measure_is_named_and_those_of_other_parts_are_not() -> None:
    found = speed()
    del found["throughput"]["throughput"]["12 MP"]
    assert verdicts(found)["throughput ÷ limit, photos in memory, 12 MP"] == "not measured"
    assert verdicts({"accelerator": {}}) == {}


def test_every_row_of_every_table_fits_its_head_and_is_printed() -> None:
    written = io.StringIO()
    console = Console(width=200, file=written)
    for printed in report.tables(speed()):
        console.print(printed)
    shown = " ".join(written.getvalue().split())  # titles are broken into lines as wide as their table
    for tables in sections(speed()).values():
        for table in tables:
            assert table.title in shown
            assert {len(row) for row in table.rows} == {len(table.columns)}


def test_the_machine_is_called_busy_wherever_that_was_speed() -> None:
    busy = speed()
    assert report.warning(busy) == ""
    busy["latency"]["loads"]["0.8"]["cores_taken"] = 0.4
    assert "40%" in report.warning(busy)


@pytest.mark.parametrize("page", publish.PAGES[:2])
def test_the_page_takes_every_section_and_keeps_its_prose(page: publish.Page) -> None:
    text = page.path.read_text()
    filled = publish.fill(page, text, speed())
    for tables in page.tables(speed()).values():
        assert all(table.markdown() in filled for table in tables)
    assert "2 cores of a CPU" in filled
    assert "programs took up" not in filled
    assert publish.fill(page, filled, speed()) == filled
    assert marked.PART.sub(r"\1\3", filled) == marked.PART.sub(r"\1\3", text)


def test_every_measurement_of_speed_is_on_the_page_of_details() -> None:
    assert publish.PAGES[1].tables(speed()) == sections(speed())


def test_the_page_says_when_the_machine_was_busy() -> None:
    busy = speed()
    busy["latency"]["loads"]["0.8"]["cores_taken"] = 0.4
    for page in publish.PAGES[:2]:
        filled = publish.fill(page, page.path.read_text(), busy)
        assert "other programs took up to 40% of the cores meanwhile" in filled


def test_a_page_that_lacks_a_section_is_refused() -> None:
    page = publish.PAGES[1]
    text = page.path.read_text().replace("<!-- loads:", "<!-- lods:")
    with pytest.raises(BenchError, match="loads"):
        publish.fill(page, text, speed())


def test_only_a_whole_run_is_published(tmp_path: Path) -> None:
    part = {name: value for name, value in speed().items() if name != "latency"}
    (tmp_path / "bench.json").write_text(json.dumps(part))
    found = publish.read_last_run(tmp_path / "bench.json")
    with pytest.raises(BenchError, match="no latency"):
        publish.complete_pages(found)
    assert [page.name for page in publish.complete_pages(speed())] == [
        "performance.md",
        "performance-details.md",
    ]
    assert [page.name for page in publish.complete_pages({"duplicates": {}})] == ["duplicates.md"]
    with pytest.raises(BenchError, match="run `make bench`"):
        publish.read_last_run(tmp_path / "none.json")


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
    used = settings.load({"WORKER_MODEL": "m", **feeding.NOTHING})
    simulated = device.SimulatedDevice(score_bundle("m", 8), used.batch_size)
    photos, replicas = MemoryPhotos([photo.getvalue()]), [(simulated,)] * 2
    pipeline, _ = assemble(used, EndlessQueue(), photos, store, replicas, service_times=ServiceTimes())
    threads = threading.active_count()
    pipeline.start()
    eventually(lambda: store.written >= 100 or pipeline.error is not None, lambda: store.written)
    pipeline.cancel()
    assert pipeline.join(time.monotonic() + 10) == []
    assert pipeline.error is None
    assert store.statuses["failed"] == 0
    assert threading.active_count() == threads
