"""A frozen graph as a model: never retraced, every batch size warm, batches padded to allowed sizes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.support.models import PHOTOS, SIDE, Halves, make_bundle
from worker.adapters.tensorflow.frozen_graph import freeze
from worker.adapters.tensorflow.frozen_model import FrozenModel
from worker.inference import bundle
from worker.inference.serving import Photos
from worker.messages import Outputs


def test_nothing_is_retraced_whatever_the_batch_size(tmp_path: Path) -> None:
    traced: list[int] = []

    class Counting(Halves):
        @tf.function(input_signature=PHOTOS)  # type: ignore[untyped-decorator] # TensorFlow ships no types
        def score(self, photos: Any) -> dict[str, Any]:
            traced.append(1)
            return {"score": tf.ones([tf.shape(photos)[0], 1])}

    graph = freeze(make_bundle(Counting(), tmp_path))
    model = FrozenModel(graph, range(1, 9))
    model.warm_up()
    before = len(traced)
    for size in (3, 1, 8, 5, 2):
        assert model.predict(np.zeros((size, SIDE, SIDE, 3), np.uint8))["score"].shape == (size, 1)
    assert len(traced) == before
    operations = graph.function.graph.get_operations()
    assert not any(op.type.startswith(("VarHandle", "ReadVariable")) for op in operations)


@pytest.mark.parametrize(
    ("device", "expected"),
    [("/device:CPU:0", [1, 2, 4, 8, 10]), ("/device:GPU:0", [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])],
)
def test_a_gpu_is_warmed_up_with_every_batch_size_and_a_cpu_with_those_that_are_timed(
    tmp_path: Path, device: str, expected: list[int]
) -> None:
    sizes: list[int] = []

    class Watched(FrozenModel):
        def predict(self, batch: Photos) -> Outputs:
            sizes.append(len(batch))
            return {"score": np.ones((len(batch), 1), np.float32)}

    Watched(freeze(make_bundle(Halves(), tmp_path)), range(1, 11), device=device).warm_up()
    assert list(dict.fromkeys(sizes)) == expected


def test_powers_of_two_and_the_largest_size_are_timed(tmp_path: Path) -> None:
    model = FrozenModel(freeze(make_bundle(Halves(), tmp_path)), range(1, 22))
    model.warm_up()
    assert sorted(model.seconds_by_size) == [1, 2, 4, 8, 16, 21]
    assert all(seconds > 0 for seconds in model.seconds_by_size.values())


def test_a_batch_is_padded_to_an_allowed_size_and_the_padding_is_counted_and_dropped(tmp_path: Path) -> None:
    class TellsSize(Halves):
        @tf.function(input_signature=PHOTOS)  # type: ignore[untyped-decorator] # TensorFlow ships no types
        def score(self, photos: Any) -> dict[str, Any]:
            return {"score": tf.fill([tf.shape(photos)[0], 1], tf.cast(tf.shape(photos)[0], tf.float32))}

    padding: list[int] = []
    graph = freeze(make_bundle(TellsSize(), tmp_path))
    model = FrozenModel(graph, (2, 8), padding.append)
    model.warm_up()
    assert sorted(model.seconds_by_size) == [2, 8]
    assert padding == []
    for size, padded_size in ((1, 2), (2, 2), (3, 8), (8, 8)):
        scores = model.predict(np.zeros((size, SIDE, SIDE, 3), np.uint8))["score"]
        assert int(scores[0, 0]) == padded_size
        assert scores.shape == (size, 1)
    assert padding == [1, 5]


def test_photos_enter_the_graph_as_bytes_and_become_floats_there(reference_model: Path) -> None:
    graph = freeze(bundle.read(str(reference_model))).function
    assert [photos.dtype for photos in graph.inputs] == [tf.uint8]
    casts = [op for op in graph.graph.get_operations() if op.type == "Cast"]
    assert (tf.uint8, tf.float32) in [(op.inputs[0].dtype, op.outputs[0].dtype) for op in casts]
