"""The models' outputs for a photo become a score, a tip and the numbers in the result."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.errors import ModelError
from worker.inference.bundle import Bundle
from worker.inference.manifest import Label, Manifest, TipText
from worker.inference.scoring import score_all
from worker.messages import Outputs, Scores

LABELS = (
    Label(name="espresso", group="drink"),
    Label(name="apple", group="fruit"),
    Label(name="camera", group=""),
    Label(name="bread", group="grain"),
)
TIPS = (
    TipText(id="closer", group="unrecognised", score=None, text="Closer, please."),
    *(
        TipText(id=f"{group}-{points}", group=group, score=points, text=f"a tip for {group}")
        for group in ("drink", "fruit", "any")
        for points in range(1, 6)
    ),
)


def bundle(name: str = "model", *roles: str, top: int = 2, tips: tuple[TipText, ...] = TIPS) -> Bundle:
    """A model with these outputs, each named after its role."""
    fields: dict[str, Any] = {
        "format": 1,
        "name": name,
        "input": {"height": 1, "width": 1, "fit": "crop"},
        "outputs": {role: role for role in roles},
    }
    if "food_probability" in roles:
        fields["food"] = {"threshold": 0.5}
    if "labels" in roles:
        fields["labels"] = {"file": "labels.csv", "top": top}
    labels = LABELS if "labels" in roles else ()
    return Bundle(
        path=Path(name), version="1", manifest=Manifest.model_validate(fields), labels=labels, tips=tips
    )


def score(bundles: list[Bundle], outputs: Sequence[Outputs], index: int, image_id: str) -> Scores:
    """Scores of the photo at `index`. The others of its batch have other ids, and do not matter."""
    photos = len(next(iter(outputs[0].values())))
    ids = [image_id if number == index else f"other-{number}" for number in range(photos)]
    scores = score_all(bundles, outputs, ids)[index]
    if isinstance(scores, ModelError):
        raise scores
    return scores


def score_photo(index: int = 0, *, top: int = 2, **outputs: Any) -> Scores:
    """Scores of a single model for the photo at `index`."""
    arrays: Outputs = {role: np.asarray(values, np.float32) for role, values in outputs.items()}
    return score([bundle("model", *outputs, top=top)], [arrays], index, "meal-1")


@pytest.mark.parametrize(
    ("number", "rounded"),
    [
        (1.0, 1),
        (1.49, 1),
        (1.5, 2),
        (2.49, 2),
        (2.5, 3),
        (3.5, 4),
        (4.49, 4),
        (4.5, 5),
        (5.0, 5),
        (0.2, 1),
        (-3, 1),
        (7, 5),
    ],
)
def test_the_score_is_the_mean_within_the_scale_with_halves_rounded_up(number: float, rounded: int) -> None:
    answer = score_photo(score=[number])
    assert answer.score == rounded
    assert answer.score_mean == pytest.approx(min(5, max(1, number)), abs=1e-4)


@pytest.mark.parametrize(
    ("probs", "mean", "rounded"),
    [
        ([1, 0, 0, 0, 0], 1.0, 1),
        ([0, 0, 0, 0, 1], 5.0, 5),
        ([0, 0, 0.5, 0.5, 0], 3.5, 4),
        ([0.2, 0.2, 0.2, 0.2, 0.2], 3.0, 3),
        ([0.1, 0.2, 0.4, 0.2, 0.1], 3.0, 3),
        ([0, 0, 0.25, 0.25, 0], 3.5, 4),
        ([0, 0, 0, 1.0001, 0], 4.0, 4),
        ([-0.01, 0, 0, 1, 0], 4.0, 4),
    ],
)
def test_a_distribution_gives_its_mean(probs: list[float], mean: float, rounded: int) -> None:
    answer = score_photo(score_probs=[probs])
    assert (answer.score, answer.score_mean) == (rounded, mean)
    shown = answer.inference["model"].score_probs
    assert shown is not None
    assert shown == [round(min(1.0, max(0.0, prob)), 4) for prob in probs]


def test_the_mean_of_coarse_probabilities_is_exact_to_the_last_digit_shown() -> None:
    """In half precision, their sum would be 1 and their mean 1.65."""
    probs = np.array([[0.7, 0.1, 0.1, 0.05, 0.05]], np.float16)
    assert score([bundle("model", "score_probs")], [{"score_probs": probs}], 0, "meal-1").score_mean == 1.6498


def test_a_number_instead_of_a_distribution_is_shown_as_it_is() -> None:
    inference = score_photo(score=[[3.8219]]).inference["model"]
    assert inference.score_mean == 3.8219
    assert (inference.score_probs, inference.food_probability, inference.labels) == (None, None, None)


def test_each_photo_of_a_batch_gets_its_own_row() -> None:
    scores = [score_photo(index, score=[[1], [3], [5]]).score for index in range(3)]
    assert scores == [1, 3, 5]


@pytest.mark.parametrize(
    ("probability", "recognised"), [(0.0, False), (0.49, False), (0.5, True), (1.0, True)]
)
@pytest.mark.parametrize("wrap", [lambda p: [p], lambda p: [[p]]], ids=["N", "N1"])
def test_a_photo_below_the_threshold_is_not_recognised_and_has_no_score(
    probability: float, recognised: bool, wrap: Any
) -> None:
    answer = score_photo(score=[4], food_probability=wrap(probability))
    assert answer.inference["model"].food_probability == pytest.approx(probability)
    assert answer.tip is not None
    if recognised:
        assert (answer.score, answer.score_mean, answer.tip.id) == (4, 4.0, "any-4")
    else:
        assert (answer.score, answer.score_mean, answer.tip.id) == (None, None, "closer")
    assert answer.models == {"model": "1"}


def test_a_model_without_food_probability_recognises_everything() -> None:
    assert score_photo(score=[2]).score == 2


def test_only_the_most_probable_labels_are_shown_in_order() -> None:
    labels = score_photo(score=[3], labels=[[0.1, 0.05, 0.6, 0.25]], top=3).inference["model"].labels
    assert labels is not None
    assert [(label.name, label.probability) for label in labels] == [
        ("camera", 0.6),
        ("bread", 0.25),
        ("espresso", 0.1),
    ]


@given(
    probabilities=st.lists(st.sampled_from([0.0, 0.1, 0.2, 0.3]), min_size=4, max_size=4),
    top=st.integers(1, 9),
)
def test_labels_come_by_probability_and_equal_ones_in_their_order(
    probabilities: list[float], top: int
) -> None:
    labels = score_photo(score=[3], labels=[probabilities], top=top).inference["model"].labels
    ranked = sorted(zip(LABELS, probabilities, strict=True), key=lambda pair: -pair[1])
    assert labels is not None
    assert [label.name for label in labels] == [label.name for label, _ in ranked[:top]]


@pytest.mark.parametrize(("probability", "shown"), [(1.001, 1.0), (-0.001, 0.0)])
def test_probabilities_slightly_out_of_range_are_clipped(probability: float, shown: float) -> None:
    inference = score_photo(
        score=[3], labels=[[1.00001, -0.00001, 0, 0]], food_probability=[probability]
    ).inference["model"]
    assert inference.labels is not None
    assert [label.probability for label in inference.labels] == [1.0, 0.0]
    assert inference.food_probability == shown


@pytest.mark.parametrize(
    ("probs", "tip"),
    [([0.1, 0.2, 0.7, 0.0], "fruit-3"), ([0.6, 0.2, 0.1, 0.1], "drink-3"), ([0.1, 0.1, 0.1, 0.7], "any-3")],
    ids=["not the camera", "most probable", "no tips for grain"],
)
def test_the_tip_is_for_the_most_probable_food(probs: list[float], tip: str) -> None:
    answer = score_photo(score=[3], labels=[probs])
    assert answer.tip is not None
    assert (answer.tip.id, answer.tip.text[:9]) == (tip, "a tip for")


def test_the_tip_is_for_the_food_of_its_own_row() -> None:
    rows = [[0.1, 0.7, 0.1, 0.1], [0.7, 0.1, 0.1, 0.1]]
    found = [score_photo(index, score=[3, 3], labels=rows).tip for index in range(2)]
    assert [tip and tip.id for tip in found] == ["fruit-3", "drink-3"]


def test_a_model_whose_labels_are_no_food_gets_tips_for_any_food() -> None:
    cameras = bundle("model", "score", "labels").model_copy(update={"labels": LABELS[2:3]})
    outputs = {"score": np.array([2.0]), "labels": np.array([[1.0]])}
    tip = score([cameras], [outputs], 0, "meal-1").tip
    assert tip is not None
    assert tip.id == "any-2"


def test_a_model_without_labels_gets_tips_for_any_food() -> None:
    answer = score_photo(score=[2])
    assert answer.tip is not None
    assert answer.tip.id == "any-2"


def test_a_model_without_tips_gives_none() -> None:
    assert score([bundle("model", "score", tips=())], [{"score": np.array([3.0])}], 0, "meal-1").tip is None


def test_all_models_are_shown_and_the_first_gives_score_and_tip() -> None:
    first, second = bundle("first", "score_probs"), bundle("second", "score", "food_probability")
    outputs: list[Outputs] = [
        {"score_probs": np.array([[0, 0, 0, 0, 1.0]])},
        {"score": np.array([1.25]), "food_probability": np.array([0.1])},
    ]
    answer = score([first, second], outputs, 0, "meal-1")
    assert (answer.score, answer.tip and answer.tip.id) == (5, "any-5")
    assert list(answer.inference) == ["first", "second"]
    assert answer.inference["second"].score_mean == 1.25
    swapped = score([second, first], outputs[::-1], 0, "meal-1")
    assert (swapped.score, swapped.tip and swapped.tip.id) == (None, "closer")
    assert swapped.inference == answer.inference


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize(
    "outputs",
    [
        {"score": [1.0]},
        {"score_probs": [[0.2] * 5]},
        {"score": [1.0], "food_probability": [0.9]},
        {"score": [1.0], "labels": [[0.25] * 4]},
    ],
    ids=lambda outputs: list(outputs)[-1],
)
def test_a_number_that_is_not_finite_is_model_trouble(wrong: float, outputs: dict[str, Any]) -> None:
    role = list(outputs)[-1]
    broken = np.array(outputs[role])
    broken.flat[-1] = wrong
    assert score_photo(**outputs)
    with pytest.raises(ModelError, match=r"model model .* not finite"):
        score_photo(**outputs | {role: broken})


def test_a_bad_number_in_another_row_does_not_matter() -> None:
    assert score_photo(1, score=[float("nan"), 4]).score == 4


def test_the_error_names_the_second_model() -> None:
    bundles = [bundle("first", "score"), bundle("second", "score")]
    with pytest.raises(ModelError, match="model second"):
        score(bundles, [{"score": np.array([1.0])}, {"score": np.array([np.nan])}], 0, "meal-1")


@pytest.mark.parametrize("probs", [[0.0] * 5, [-1.0] * 5])
def test_a_distribution_of_zeros_is_model_trouble(probs: list[float]) -> None:
    with pytest.raises(ModelError, match="every score the probability 0"):
        score_photo(score_probs=[probs])


@given(st.lists(st.floats(0, 1, width=32), min_size=5, max_size=5).filter(lambda probs: sum(probs) > 1e-6))
def test_any_distribution_gives_a_score_near_its_mean(probs: list[float]) -> None:
    answer = score_photo(score_probs=[probs])
    assert answer.score_mean is not None
    assert answer.score is not None
    assert 1 <= answer.score <= 5
    assert 1 <= answer.score_mean <= 5
    assert abs(answer.score - answer.score_mean) <= 0.5


def test_labels_out_of_range_by_a_rounding_error_are_shown_within_it() -> None:
    shown = score_photo(score=[3], labels=[[1.001, -0.001, -0.002, -0.003]], top=9).inference["model"].labels
    assert shown is not None
    assert [label.probability for label in shown] == [1.0, 0.0, 0.0, 0.0]


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), float("-inf")])
def test_a_batch_gives_each_photo_what_it_gives_it_alone_whatever_the_others_are(wrong: float) -> None:
    draw = np.random.default_rng(1)
    model = bundle("model", "score_probs", "food_probability", "labels")
    outputs: Outputs = {
        "score_probs": draw.random((8, 5), np.float32),
        "food_probability": draw.random((8, 1), np.float32),
        "labels": draw.random((8, 4), np.float32).round(1),
    }
    ids = [f"meal-{number}" for number in range(8)]
    alone = [
        score([model], [{role: rows[[number]] for role, rows in outputs.items()}], 0, ids[number])
        for number in range(8)
    ]
    assert score_all([model], [outputs], ids) == alone
    for rows in outputs.values():
        rows[3] = wrong
    others = score_all([model], [outputs], ids)
    assert isinstance(others.pop(3), ModelError)
    assert others == alone[:3] + alone[4:]
    assert len({scores.tip and scores.tip.id for scores in alone}) > 1


def test_photos_with_bad_numbers_fail_alone_each_with_its_own_reason() -> None:
    rows = np.array([[0, 0, 1, 0, 0], [0, np.nan, 1, 0, 0], [0, 0, 0, 0, 0], [0, 0, 0, 0, 1]])
    third, nan, zeros, fifth = score_all(
        [bundle("model", "score_probs")], [{"score_probs": rows}], list("abcd")
    )
    assert isinstance(third, Scores)
    assert isinstance(fifth, Scores)
    assert (third.score, fifth.score) == (3, 5)
    assert ("not finite" in str(nan), "probability 0" in str(zeros)) == (True, True)
