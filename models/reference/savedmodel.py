"""Saves network and food classes as a SavedModel: photos → scores, food, labels, features."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from models.reference.foods import FoodClass
from models.reference.network import CLASSES, FEATURES, SIDE, Tensor
from models.reference.nutriscore import SCORES

Network = Callable[[Tensor], tuple[Tensor, Tensor]]


class _Scorer(tf.Module):  # type: ignore[misc] # TensorFlow ships no types
    """The object that is saved: one function whose weights are constants."""

    def __init__(self, network: Network, foods: Sequence[FoodClass]) -> None:
        super().__init__()
        self.serve = tf.function(
            _make_serve(network, foods),
            input_signature=[tf.TensorSpec([None, SIDE, SIDE, 3], tf.uint8, name="images")],
        )


def _make_serve(network: Network, foods: Sequence[FoodClass]) -> Callable[[Tensor], dict[str, Tensor]]:
    indices = np.array([food.index for food in foods], np.int32)
    to_score = np.zeros((len(foods), len(SCORES)), np.float32)
    to_score[np.arange(len(foods)), [food.score - 1 for food in foods]] = 1

    def serve(images: Tensor) -> dict[str, Tensor]:
        logits, features = network(images)
        labels = tf.nn.softmax(logits)
        # Equal to the renormalised food probabilities, but exact even when they are tiny.
        foods_only = tf.nn.softmax(tf.gather(logits, indices, axis=1))
        return {
            "score_probs": tf.matmul(foods_only, to_score),
            "food_probability": tf.reduce_sum(tf.gather(labels, indices, axis=1), axis=1),
            "label_probs": tf.ensure_shape(labels, [None, CLASSES]),
            "features": tf.ensure_shape(features, [None, FEATURES]),
        }

    return serve


def save(network: Network, foods: Sequence[FoodClass], folder: Path) -> None:
    """Write saved_model.pb into `folder`, with the signature `serving_default`:

    `images` uint8 [N, 224, 224, 3] → float32 `score_probs` [N, 5], probabilities of scores 1 to 5;
    `food_probability` [N]; `label_probs` [N, 1000]; `features` [N, 1280].
    """
    scorer = _Scorer(network, foods)
    tf.saved_model.save(scorer, str(folder), signatures={"serving_default": scorer.serve})
    # A random id and an empty folder: without them the same recipe gives the same bytes.
    (folder / "fingerprint.pb").unlink()
    shutil.rmtree(folder / "assets", ignore_errors=True)


def load(folder: Path) -> Callable[[Any], dict[str, Any]]:
    """Return a SavedModel's signature as a function from a uint8 array to arrays by output name."""
    loaded = tf.saved_model.load(str(folder))
    signature = loaded.signatures["serving_default"]

    def predict(images: Any) -> dict[str, Any]:
        _ = loaded  # keeps its resources alive
        return {name: tensor.numpy() for name, tensor in signature(images=tf.constant(images)).items()}

    return predict
