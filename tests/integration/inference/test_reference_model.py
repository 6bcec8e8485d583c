"""The built reference model: its outputs, and its answers for the sample photos."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from models.reference.foods import food_classes
from models.reference.samples import Prediction, check, predict
from models.reference.savedmodel import load
from tests.support import icc
from worker.inference.bundle import Bundle, read
from worker.photos.decoding import prepare

THRESHOLD = 0.3
MAX_PIXELS = 10_000_000
SAMPLES = sorted((Path(__file__).parents[3] / "localstack" / "photos").glob("*.[hjp]*[cg]"))


@pytest.fixture(scope="module")
def bundle(reference_model: Path) -> Bundle:
    return read(str(reference_model))


@pytest.fixture(scope="module")
def predictions(bundle: Bundle) -> dict[str, Prediction]:
    return {one.photo: one for one in predict(bundle)}


@pytest.fixture(scope="module")
def outputs(bundle: Bundle) -> dict[str, Any]:
    """Outputs for noise, the hardest case for probabilities that must sum to 1."""
    noise = np.random.default_rng(1).integers(0, 256, (3, 224, 224, 3), np.uint8)
    return load(bundle.path)(np.concatenate([noise, np.zeros_like(noise[:1])]))


def test_outputs_have_the_documented_shapes(outputs: dict[str, Any]) -> None:
    shapes = {name: (array.shape, array.dtype.name) for name, array in outputs.items()}
    assert shapes == {
        "score_probs": ((4, 5), "float32"),
        "food_probability": ((4,), "float32"),
        "label_probs": ((4, 1000), "float32"),
        "features": ((4, 1280), "float32"),
    }


@pytest.mark.parametrize("name", ["score_probs", "label_probs"])
def test_distributions_sum_to_one(outputs: dict[str, Any], name: str) -> None:
    np.testing.assert_allclose(outputs[name].sum(axis=1), 1, rtol=1e-5)
    assert outputs[name].min() >= 0


def test_scores_are_food_probabilities_renormalised_and_summed_by_score(outputs: dict[str, Any]) -> None:
    foods = food_classes()
    masses = np.zeros((4, 5))
    for food in foods:
        masses[:, food.score - 1] += outputs["label_probs"][:, food.index]
    np.testing.assert_allclose(outputs["food_probability"], masses.sum(axis=1), rtol=1e-4)
    np.testing.assert_allclose(
        outputs["score_probs"], masses / masses.sum(axis=1, keepdims=True), rtol=1e-3, atol=1e-6
    )


def test_a_photo_gets_the_same_answer_alone_and_in_a_batch(bundle: Bundle) -> None:
    images = np.random.default_rng(2).integers(0, 256, (5, 224, 224, 3), np.uint8)
    model = load(bundle.path)
    together, alone = model(images), model(images[3:4])
    for name, array in alone.items():
        np.testing.assert_allclose(together[name][3:4], array, rtol=1e-3, atol=1e-5)


def test_coffee_is_espresso(predictions: dict[str, Prediction]) -> None:
    check(list(predictions.values()))
    assert predictions["coffee.png"].label_probability > 0.9


def test_coffee_turned_by_exif_is_the_same_coffee(predictions: dict[str, Prediction]) -> None:
    assert predictions["coffee-rotated.jpg"].label == "espresso"
    assert predictions["coffee-rotated.jpg"].score_mean == pytest.approx(
        predictions["coffee.png"].score_mean, abs=0.05
    )


@pytest.mark.parametrize(
    "photo", ["coffee.png", "coffee-rotated.jpg", "coffee-cups.jpg", "croissant.jpg", "croissant.heic"]
)
def test_sample_photos_are_scored_as_the_table_says(photo: str, predictions: dict[str, Prediction]) -> None:
    one = predictions[photo]
    by_name = {food.name: food.score for food in food_classes()}
    assert one.food_probability >= THRESHOLD
    assert round(one.score_mean) == by_name[one.label]


def mean_score(outputs: dict[str, Any]) -> float:
    return float(outputs["score_probs"][0] @ np.arange(1, 6))


@pytest.mark.parametrize("photo", SAMPLES, ids=lambda path: path.name)
def test_a_sample_photo_in_any_colour_space_has_its_old_score(bundle: Bundle, photo: Path) -> None:
    """Old: of its pixels as they are. In Display P3, the same colours have other pixels."""
    target, model = bundle.manifest.input.target, load(bundle.path)
    old = prepare(photo.read_bytes(), target, MAX_PIXELS, convert_colours=False)[0]
    new = prepare(photo.read_bytes(), target, MAX_PIXELS)[0]
    in_p3 = prepare(in_display_p3(old), target, MAX_PIXELS)[0]
    scores = [mean_score(model(pixels[None])) for pixels in (old, new, in_p3)]
    assert max(scores) - min(scores) <= 0.1, scores


def in_display_p3(pixels: npt.NDArray[np.uint8]) -> bytes:
    """Write sRGB pixels as a PNG in Display P3."""
    coded = pixels / 255
    light = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    to_p3 = np.linalg.inv(icc.adapted(icc.DISPLAY_P3)) @ icc.adapted(icc.SRGB)
    light = (light @ to_p3.T).clip(0, 1)
    codes = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    stream = io.BytesIO()
    profile = icc.rgb(icc.DISPLAY_P3, icc.SRGB_CURVE)
    Image.fromarray(np.rint(255 * codes).astype(np.uint8)).save(stream, "PNG", icc_profile=profile)
    return stream.getvalue()


def test_a_photo_without_food_is_not_recognised(predictions: dict[str, Prediction]) -> None:
    assert predictions["not-food.jpg"].food_probability < THRESHOLD / 10


def test_the_bundle_has_the_threshold_that_these_tests_use(bundle: Bundle) -> None:
    assert bundle.manifest.food is not None
    assert bundle.manifest.food.threshold == THRESHOLD
    assert len(bundle.labels) == 1000
