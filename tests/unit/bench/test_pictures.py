"""Pictures of measurements: well-formed, the same each time, and true to the numbers."""

from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from matplotlib.container import BarContainer
from matplotlib.figure import Figure

from bench.door import chart as door_chart
from bench.pages import pictures, second
from docs.tools import plot
from tests.support.measured import door

SVG = "{http://www.w3.org/2000/svg}"
STEPS = ("put", "notify", "queue", "wait", "fetch", "decode", "batch_wait", "infer", "commit")


def steps(**changed: float) -> dict[str, float]:
    return {**dict.fromkeys(STEPS, 5.0), **changed}


def percentiles(p50: float, p90: float, p99: float) -> dict[str, Any]:
    return {"p50_ms": p50, "p90_ms": p90, "p99_ms": p99, "steps_mean": steps()}


MEASURED: dict[str, Any] = {
    "batch_sizes": {
        "tensorflow": {"1": 60.0, "32": 120.0},
        "litert": {"1": 140.0, "32": 130.0},
        "openvino": {"1": 160.0, "32": 150.0},
    },
    "latency": {
        "one_at_a_time": {"steps_mean": steps()},
        "loads": {
            "0.3": percentiles(40, 60, 90),
            "0.8": percentiles(60, 120, 240),
            "0.95": percentiles(90, 400, 5000),
        },
        "notifications": {
            "alone": {"steps_mean": steps(notify=1340.0)},
            "direct_request": {"steps_mean": steps()},
        },
    },
}


def figures() -> list[Figure]:
    return [
        pictures.by_batch_size(MEASURED["batch_sizes"]),
        pictures.by_load(MEASURED["latency"]["loads"]),
        second.where_the_second_goes(second.cases(MEASURED["latency"])),
        door_chart.beside_rivals(door()["door"]["clients"]),
    ]


def draw(folder: Path, measured: dict[str, Any]) -> dict[str, str]:
    return {name: (folder / name).read_text() for name in pictures.write(measured, folder)}


def test_every_picture_is_well_formed_small_and_the_same_each_time(tmp_path: Path) -> None:
    first, again = draw(tmp_path, MEASURED), draw(tmp_path, MEASURED)
    assert list(first) == ["batch-size.svg", "latency.svg", "second.svg"]
    assert first == again
    for picture in first.values():
        root = ElementTree.fromstring(picture)  # noqa: S314 - our own file
        assert root.tag == f"{SVG}svg"
        assert root.get("aria-label")
        assert len(picture) < 30_000


def test_only_what_was_measured_is_drawn(tmp_path: Path) -> None:
    assert pictures.write({"batch_sizes": {"litert": {"1": 10.0}}}, tmp_path) == ["batch-size.svg"]
    assert pictures.write({"accelerator": {}}, tmp_path) == []


@pytest.mark.parametrize("figure", figures())
def test_everything_lies_inside_its_picture(figure: Figure) -> None:
    box, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    assert 0 <= box.x0 < box.x1 <= width
    assert 0 <= box.y0 < box.y1 <= height


def test_a_picture_suits_light_and_dark_pages(tmp_path: Path) -> None:
    for picture in draw(tmp_path, MEASURED).values():
        assert "@media(prefers-color-scheme:dark)" in picture


def test_the_segments_of_a_bar_are_as_long_as_its_steps() -> None:
    figure = second.where_the_second_goes({"slow": steps(notify=1000.0), "idle": steps()})
    of_step = {bars.get_label(): bars for bars in figure.axes[0].containers if isinstance(bars, BarContainer)}
    slow = {step: bars.patches[0].get_width() for step, bars in of_step.items()}
    assert slow["notify"] == pytest.approx(200 * slow["infer"], rel=0.05)


def test_words_are_escaped() -> None:
    figure, _ = plot.panels("a < b & c", '"d"', [100])
    root = ElementTree.fromstring(plot.svg(figure))  # noqa: S314 - our own
    assert root.get("aria-label") == 'a < b & c. "d"'
    assert "a < b & c" in [words.text for words in root.iter(f"{SVG}text")]


def test_labels_at_the_ends_of_lines_do_not_cover_one_another() -> None:
    figure, [lines] = plot.panels("title", "subtitle", [100])
    lines.plot([0, 1], [0, 1])
    plot.label_ends(lines, 1, {"high": (1, plot.RED), "near": (0.02, plot.BLUE), "low": (0, plot.GREEN)})
    figure.draw_without_rendering()
    heights = {words.get_text(): words.get_window_extent().y0 for words in lines.texts}
    assert list(heights) == ["low", "near", "high"]
    assert all(above - below >= plot.LABEL - 1 for below, above in pairwise(heights.values()))
