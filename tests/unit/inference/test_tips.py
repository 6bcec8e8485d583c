"""Choosing a tip: one for the score and group, and the same one every time."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.inference.manifest import TipText
from worker.inference.tips import by_group, choose

ROOT = Path(__file__).parents[3]


def tip(identity: str, group: str, score: int | None) -> TipText:
    return TipText(id=identity, group=group, score=score, text=f"text of {identity}")


TIPS = (
    tip("fruit-5-a", "fruit", 5),
    tip("fruit-5-b", "fruit", 5),
    tip("fruit-5-c", "fruit", 5),
    tip("fruit-4-a", "fruit", 4),
    tip("any-5-a", "any", 5),
    tip("any-1-a", "any", 1),
    tip("unrecognised-a", "unrecognised", None),
    tip("unrecognised-b", "unrecognised", None),
)
STABLE = [("meal-1", "fruit-5-b"), ("meal-7", "fruit-5-c"), ("meal-3", "fruit-5-a")]


def choose_id(group: str, score: int | None, image_id: str = "meal-1") -> str | None:
    found = choose(by_group(TIPS), group, score, image_id)
    return found.id if found else None


@given(st.text())
def test_a_tip_for_group_and_score_comes_first(image_id: str) -> None:
    assert choose_id("fruit", 5, image_id) in {"fruit-5-a", "fruit-5-b", "fruit-5-c"}
    assert choose_id("fruit", 4, image_id) == "fruit-4-a"


@pytest.mark.parametrize(("group", "score"), [("bread", 5), ("", 5), ("any", 5)])
def test_without_one_a_tip_for_any_group_is_chosen(group: str, score: int) -> None:
    assert choose_id(group, score) == "any-5-a"


def test_a_score_without_a_tip_in_its_group_gets_one_for_any_group() -> None:
    assert choose_id("fruit", 1) == "any-1-a"


def test_without_a_matching_tip_there_is_none() -> None:
    assert choose_id("fruit", 3) is None
    assert choose({}, "fruit", 5, "meal-1") is None
    assert choose({}, "", None, "meal-1") is None


@pytest.mark.parametrize("group", ["", "fruit", "any"])
def test_a_photo_without_a_score_gets_a_tip_for_the_unrecognised(group: str) -> None:
    assert choose_id(group, None) in {"unrecognised-a", "unrecognised-b"}


@pytest.mark.parametrize(("image_id", "expected"), STABLE)
def test_a_photo_always_gets_the_same_tip(image_id: str, expected: str) -> None:
    assert choose_id("fruit", 5, image_id) == expected


@pytest.mark.parametrize("seed", ["0", "1"])
def test_the_choice_is_the_same_in_every_process(seed: str) -> None:
    program = (
        "from tests.unit.inference.test_tips import STABLE, choose_id\n"
        "print([choose_id('fruit', 5, i) for i, _ in STABLE])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={"PYTHONHASHSEED": seed},
        check=True,
        capture_output=True,
        text=True,
    )
    assert answer.stdout.strip() == str([expected for _, expected in STABLE])


def test_photos_share_the_tips_evenly() -> None:
    counts = [choose_id("fruit", 5, f"photo-{n}") for n in range(3_000)]
    assert all(900 < counts.count(f"fruit-5-{letter}") < 1_100 for letter in "abc")
