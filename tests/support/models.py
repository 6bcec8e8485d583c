"""Small SavedModels made by tests, with their bundle.toml."""

import json
from pathlib import Path
from typing import Any

import tensorflow as tf

from worker.inference import bundle
from worker.inference.bundle import Bundle

SIDE = 16  # pixels
PHOTOS = [tf.TensorSpec([None, SIDE, SIDE, 3], tf.uint8, name="photos")]


class Halves(tf.Module):  # type: ignore[misc] # TensorFlow ships no types
    """Scores 1 … 5 by brightness."""

    @tf.function(input_signature=PHOTOS)  # type: ignore[untyped-decorator] # as above
    def score(self, photos: Any) -> dict[str, Any]:
        """Give float32 [N, 1]."""
        brightness = tf.reduce_mean(tf.cast(photos, tf.float32) / 255.0, axis=[1, 2, 3])
        return {"score": 1.0 + 4.0 * brightness[:, tf.newaxis]}


class RefusesRed(Halves):
    """Scores everything 1, but fails for a batch with a pure red photo."""

    @tf.function(input_signature=PHOTOS)  # type: ignore[untyped-decorator] # as above
    def score(self, photos: Any) -> dict[str, Any]:
        """Give float32 [N, 1]."""
        reddest = tf.reduce_max(photos[:, 0, 0, 0])
        with tf.control_dependencies([tf.debugging.assert_less(reddest, tf.constant(250, tf.uint8))]):
            return {"score": tf.ones([tf.shape(photos)[0], 1])}


class Compares(Halves):
    """Scores a photo by how bright it is beside the others of its batch, so that alone it is scored otherwise."""

    @tf.function(input_signature=PHOTOS)  # type: ignore[untyped-decorator] # as above
    def score(self, photos: Any) -> dict[str, Any]:
        """Give float32 [N, 1]."""
        brightness = tf.reduce_mean(tf.cast(photos, tf.float32) / 255.0, axis=[1, 2, 3])
        return {"score": 3.0 + (brightness - tf.reduce_mean(brightness))[:, tf.newaxis]}


class Threes(tf.Module):  # type: ignore[misc] # TensorFlow ships no types
    """Scores everything 3."""

    @tf.function(input_signature=PHOTOS)  # type: ignore[untyped-decorator] # as above
    def score(self, photos: Any) -> dict[str, Any]:
        """Give float32 [N, 1]."""
        nothing = tf.minimum(tf.reduce_mean(tf.cast(photos, tf.float32), axis=[1, 2, 3]), 0.0)
        return {"score": 3.0 + nothing[:, tf.newaxis]}  # no constant, which OpenVINO would not name


def save_bundle(
    model: Any, folder: Path, *, name: str, height: int = SIDE, outputs: dict[str, str] | None = None
) -> Path:
    """Write a bundle of version `folder.name`; return the folder for WORKER_MODEL."""
    tf.saved_model.save(model, str(folder), signatures={"serving_default": model.score})
    lines = ["format = 1", f'name = "{name}"', "[input]", f"height = {height}", f"width = {SIDE}"]
    lines += ['fit = "squash"', "[outputs]"]
    lines += [f"{role} = {json.dumps(output)}" for role, output in (outputs or {"score": "score"}).items()]
    (folder / "bundle.toml").write_text("\n".join(lines))
    return folder.parent


def make_bundle(model: Any, folder: Path, name: str = "halves") -> Bundle:
    """Write version 1 of a model and read its bundle."""
    return bundle.read(str(save_bundle(model, folder / name / "1", name=name)))
