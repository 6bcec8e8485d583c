"""Pictures of measurements: well-formed, the same each time, and true to the numbers."""

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from bench.pages import pictures
from docs import svg

SVG = "{http://www.w3.org/2000/svg}"
STEPS = ("put", "notify", "queue", "wait", "fetch", "decode", "batch_wait", "infer", "commit")


def steps(**changed: float) -> dict[str, float]:
    return {**dict.fromkeys(STEPS, 5.0), **changed}


def percentiles(p50: float, p90: float, p99: float) -> dict[str, Any]:
    return {"p50_ms": p50, "p90_ms": p90, "p99_ms": p99, "steps_mean": steps()}


MEASURED: dict[str, Any] = {
    "batch_sizes": {"tensorflow": {"1": 60.0, "32": 120.0}, "litert": {"1": 140.0, "32": 130.0}},
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


def drawn(folder: Path, measured: dict[str, Any]) -> dict[str, str]:
    return {name: (folder / name).read_text() for name in pictures.write(measured, folder)}


def test_every_picture_is_well_formed_small_and_the_same_each_time(tmp_path: Path) -> None:
    first, again = drawn(tmp_path, MEASURED), drawn(tmp_path, MEASURED)
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


def test_everything_lies_inside_its_picture(tmp_path: Path) -> None:
    for picture in drawn(tmp_path, MEASURED).values():
        root = ElementTree.fromstring(picture)  # noqa: S314 - our own file
        width, height = map(float, str(root.get("viewBox")).split()[2:])
        for one in root.iter():
            assert 0 <= float(one.get("x", one.get("cx", 0))) <= width
            assert 0 <= float(one.get("y", one.get("cy", 0))) + float(one.get("height", 0)) <= height


def test_a_picture_suits_light_and_dark_pages(tmp_path: Path) -> None:
    for picture in drawn(tmp_path, MEASURED).values():
        assert "@media(prefers-color-scheme:dark)" in picture


def test_the_segments_of_a_bar_are_as_long_as_its_steps() -> None:
    picture = pictures.where_the_second_goes({"slow": steps(notify=1000.0), "idle": steps()})
    lengths = {
        says: float(width)
        for width, says in re.findall(r'width="([\d.]+)" height="24"[^>]*><title>([^<]+)</title>', picture)
    }
    assert lengths["slow, notify: 1000.0 ms"] == pytest.approx(200 * lengths["slow, infer: 5.0 ms"], rel=0.05)


def test_words_are_escaped() -> None:
    assert ElementTree.fromstring(svg.text(0, 0, "a < b & c")).text == "a < b & c"  # noqa: S314 - our own


@pytest.mark.parametrize("most", [0.3, 1, 7, 62, 1500, 99_999])
def test_ticks_are_round_and_reach_no_further_than_the_axis(most: float) -> None:
    marks = svg.ticks(most)
    assert 3 <= len(marks) <= 7
    assert marks[0] == 0
    assert most * 0.7 < marks[-1] <= most * 1.000001


def test_a_logarithmic_axis_gives_each_factor_the_same_length() -> None:
    place = svg.logarithmic(10, 1000, 0, 100)
    assert [place(value) for value in (10, 100, 1000)] == pytest.approx([0, 50, 100])
