"""The measurements as tables, verdicts and pages."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from bench.__main__ import go_on
from bench.aims import Aim
from bench.pages import publish, report, targets
from bench.pages.pages import PAGES, Page
from bench.pages.tables import sections
from bench.processes import BenchError
from docs.tools import marked
from docs.tools.table import Table
from tests.support.measured import speed, start


def verdicts(of: dict[str, Any]) -> dict[str, str]:
    return {one.what: one.verdict for one in targets.targets(of)}


def test_measurements_meet_or_miss_targets() -> None:
    good, bad = verdicts(speed()), verdicts(speed(p99=601, overhead=8.1))
    assert good["PUT to result at 80% load, p99"] == "met"
    assert bad["PUT to result at 80% load, p99"] == "MISSED"
    assert bad["overhead at low load beyond decode and inference, median"] == "MISSED"
    assert good["throughput ÷ limit, LocalStack, services charged, small"] == "met"
    assert good["throughput ÷ limit, LocalStack, services charged, 12 MP"] == "MISSED"


def test_a_rival_that_is_faster_at_one_kind_is_a_missed_target() -> None:
    found = speed()
    kinds = found["throughput"]["throughput"]
    kinds["3 MP"] = {**kinds["3 MP"], "worker_to_celery": 1.59}
    assert verdicts(found)["throughput ÷ Celery, small"] == "met"
    assert verdicts(found)["throughput ÷ Celery, 3 MP"] == "MISSED"


def test_memory_that_grows_with_the_photos_is_a_missed_target() -> None:
    found = speed()
    what = "memory after 8,000 photos ÷ after 1,000"
    assert verdicts(found)[what] == "met"
    found["throughput"]["memory"] = {**found["throughput"]["memory"], "late_mb": 919.0}
    assert verdicts(found)[what] == "MISSED"


def test_a_start_that_takes_too_much_is_a_missed_target() -> None:
    assert "MISSED" not in verdicts({"start": start()}).values()
    missed = {what for what, verdict in verdicts({"start": start(cpu_s=2.1)}).items() if verdict == "MISSED"}
    assert missed == {"second start of a model, CPU"}


@pytest.mark.parametrize(("main_cpu_ms", "verdict"), [(0.76, "met"), (0.78, "MISSED")])
def test_the_ceiling_of_one_worker_is_an_aim(main_cpu_ms: float, verdict: str) -> None:
    found = speed()
    found["accelerator"]["whole_path"]["median"]["small"]["main_cpu_ms"] = main_cpu_ms  # 0.1 of it hashes
    what = "ceiling of one worker with small photos from S3, reckoned from its main process"
    assert verdicts(found)[what] == verdict


def test_a_start_without_a_part_leaves_its_cell_empty() -> None:
    (table,) = sections({"start": start()})["start"]
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["… imports, s"] == (*["0.50 (0.50–0.50)"] * 2, "2.10 (2.10–2.10)", "0.50 (0.50–0.50)")
    assert rows["… translate, s"] == ("4.00 (4.00–4.00)", "", "", "")
    assert rows["engine"] == ("litert", "litert / tensorflow", "tensorflow", "litert")


def test_a_target_without_its_measurement_is_shown_unless_its_part_did_not_run() -> None:
    found = speed()
    del found["throughput"]["throughput"]["12 MP"]
    assert verdicts(found)["throughput ÷ limit, photos in memory, 12 MP"] == "not measured"
    assert verdicts({"hostile": {}}) == {}


@pytest.mark.parametrize(
    ("value", "sign", "verdict"),
    [
        (1.0, "≥", "met"),
        (0.99, "≥", "MISSED"),
        (1.0, "≤", "met"),
        (1.01, "≤", "MISSED"),
        (0.99, "<", "met"),
        (1.0, "<", "MISSED"),
        (None, "<", "not measured"),
    ],
)
def test_an_aim_is_met_or_missed_at_its_bound(value: float | None, sign: str, verdict: str) -> None:
    aim = Aim("time", value, sign, 1.0, "{:.2f} s")
    shown = "–" if value is None else f"{value:.2f} s"
    assert aim.row == ("time", f"{sign} 1.00 s", shown, verdict)


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


def test_a_busy_machine_is_reported_wherever_it_was_measured() -> None:
    busy = speed()
    assert report.warning(busy) == ""
    busy["latency"]["loads"]["0.8"]["cores_taken"] = 0.4
    assert "40%" in report.warning(busy)


@pytest.mark.parametrize("page", PAGES[:2])
def test_the_page_takes_every_section_and_keeps_its_prose(page: Page) -> None:
    text = page.path.read_text()
    filled = publish.fill(page, text, speed())
    for tables in page.tables(speed()).values():
        assert all(table.markdown() in filled for table in tables)
    assert "2 cores of a CPU" in filled
    assert "Engines installed: tensorflow, litert, openvino; litert ran the model." in filled
    assert "programs took up" not in filled
    assert publish.fill(page, filled, speed()) == filled
    assert marked.PART.sub(r"\1\3", filled) == marked.PART.sub(r"\1\3", text)


def test_every_measurement_of_speed_is_on_one_of_both_pages() -> None:
    shown, details = PAGES[0].tables(speed()), PAGES[1].tables(speed())
    assert {"targets": shown["targets"], **details} == sections(speed())


def test_the_page_says_when_the_machine_was_busy() -> None:
    busy = speed()
    busy["latency"]["loads"]["0.8"]["cores_taken"] = 0.4
    for page in PAGES[:2]:
        filled = publish.fill(page, page.path.read_text(), busy)
        assert "other programs took up to 40% of the cores meanwhile" in filled


def test_the_engines_of_this_machine_are_told() -> None:
    assert report.machine()["engines"] == ["tensorflow", "litert", "openvino"], (
        "as deploy/locks/dev.txt has them"
    )


def test_a_page_that_lacks_a_section_is_refused() -> None:
    page = PAGES[1]
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


def run_of(**changed: object) -> dict[str, Any]:
    """What a run of one part writes."""
    run = {
        "date": "2026-01-01",
        "machine": {"cores": 2},
        "code": "c0de",
        "options": {"rounds": 3},
        "minutes": {},
    }
    return run | changed


def test_parts_measured_one_after_the_other_on_the_same_code_are_one_run(tmp_path: Path) -> None:
    path = tmp_path / "bench.json"
    assert go_on(path, run_of(fetch=1)) == run_of(fetch=1)
    path.write_text(json.dumps(run_of(fetch=1, minutes={"fetch": 0.3})))
    assert go_on(path, run_of(start=2, minutes={"start": 2.0})) == run_of(
        fetch=1, start=2, minutes={"fetch": 0.3, "start": 2.0}
    )
    others: list[dict[str, object]] = [
        {"code": "other"},
        {"date": "2026-01-02"},
        {"options": {}},
        {"machine": {}},
    ]
    for other in others:
        assert "fetch" not in go_on(path, run_of(start=2, **other))
