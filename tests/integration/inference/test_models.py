"""Other models in place of the reference model, or beside it."""

import io
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf
from PIL import Image

from tests.support import bodies
from tests.support.models import PHOTOS, SIDE, Halves, RefusesRed, save_bundle
from tests.support.stand import Stand
from worker.adapters.tensorflow.frozen_graph import freeze
from worker.adapters.tensorflow.frozen_model import FrozenModel
from worker.errors import ConfigurationError
from worker.inference import bundle
from worker.messages import Outputs


def grey(level: int) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (40, 40), (level, level, level)).save(stream, "PNG")
    return stream.getvalue()


def red() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (40, 40), (255, 0, 0)).save(stream, "PNG")
    return stream.getvalue()


def announce(stand: Stand, photo: bytes) -> str:
    image_id = str(uuid.uuid4())
    stand.put(image_id, photo)
    stand.send(bodies.notification(stand.bucket, f"uploads/{image_id}.jpg"))
    return image_id


def test_one_setting_replaces_the_model_and_its_newest_version_is_taken(stand: Stand, tmp_path: Path) -> None:
    save_bundle(Halves(), tmp_path / "halves" / "9", name="halves")
    location = save_bundle(Halves(), tmp_path / "halves" / "10", name="halves")
    dark, light = announce(stand, grey(0)), announce(stand, grey(255))
    with stand.worker(model=str(location)):
        scores = [stand.result(image_id).score for image_id in (dark, light)]
        models = stand.result(dark).models
    assert scores == [1, 5]
    assert models == {"halves": "10"}


def test_two_models_run_on_the_same_batch_and_the_first_one_gives_the_score(
    stand: Stand, tmp_path: Path
) -> None:
    one = save_bundle(Halves(), tmp_path / "one" / "1", name="one")
    two = save_bundle(RefusesRed(), tmp_path / "two" / "3", name="two")
    image_id = announce(stand, grey(204))
    with stand.worker(model=f"{one},{two}"):
        result = stand.result(image_id)
    assert result.models == {"one": "1", "two": "3"}
    assert result.score == 4
    assert {name: said.score_mean for name, said in result.inference.items()} == {"one": 4.2, "two": 1.0}


def test_a_photo_that_the_model_refuses_ends_in_the_dead_letter_queue_alone(
    stand: Stand, tmp_path: Path
) -> None:
    location = save_bundle(RefusesRed(), tmp_path / "picky" / "1", name="picky")
    good = [announce(stand, grey(level)) for level in (10, 20)]
    announce(stand, red())
    good.append(announce(stand, grey(30)))
    with stand.worker(model=str(location)):
        assert [stand.result(image_id).status for image_id in good] == ["scored"] * 3
        stand.settles(dead=1)
    assert len(stand.stored()) == 3


def test_nothing_is_retraced_whatever_the_batch_size(tmp_path: Path) -> None:
    traced: list[int] = []

    class Counting(Halves):
        @tf.function(input_signature=PHOTOS)  # type: ignore[untyped-decorator] # TensorFlow ships no types
        def score(self, photos: Any) -> dict[str, Any]:
            traced.append(1)
            return {"score": tf.ones([tf.shape(photos)[0], 1])}

    graph = freeze(bundle.read(str(save_bundle(Counting(), tmp_path / "m" / "1", name="m"))))
    model = FrozenModel(graph, 8)
    model.warm_up()
    before = len(traced)
    for size in (3, 1, 8, 5, 2):
        assert model.predict(np.zeros((size, SIDE, SIDE, 3), np.uint8))["score"].shape == (size, 1)
    assert len(traced) == before
    operations = graph.function.graph.get_operations()
    assert not any(op.type.startswith(("VarHandle", "ReadVariable")) for op in operations)


def test_every_batch_size_is_warmed_up(tmp_path: Path) -> None:
    sizes: list[int] = []

    class Watched(FrozenModel):
        def predict(self, batch: npt.NDArray[np.uint8]) -> Outputs:
            sizes.append(len(batch))
            return super().predict(batch)

    location = save_bundle(Halves(), tmp_path / "m" / "1", name="m")
    Watched(freeze(bundle.read(str(location))), 5).warm_up()
    assert list(dict.fromkeys(sizes)) == [1, 2, 3, 4, 5]


def test_each_kind_of_size_is_timed_at_the_warm_up(tmp_path: Path) -> None:
    found = bundle.read(str(save_bundle(Halves(), tmp_path / "m" / "1", name="m")))
    model = FrozenModel(freeze(found), 21)
    model.warm_up()
    assert sorted(model.seconds_by_size) == [1, 2, 4, 8, 16, 21]
    assert all(seconds > 0 for seconds in model.seconds_by_size.values())


def test_a_batch_is_filled_up_to_an_allowed_size_and_the_filling_is_counted_and_dropped(
    tmp_path: Path,
) -> None:
    sizes: list[int] = []
    added: list[int] = []

    class Watching(Halves):
        @tf.function(input_signature=PHOTOS)  # type: ignore[untyped-decorator] # TensorFlow ships no types
        def score(self, photos: Any) -> dict[str, Any]:
            return {"score": tf.fill([tf.shape(photos)[0], 1], tf.cast(tf.shape(photos)[0], tf.float32))}

    found = bundle.read(str(save_bundle(Watching(), tmp_path / "m" / "1", name="m")))
    model = FrozenModel(freeze(found), 8, pad_to=(2, 8), count_padding=added.append)
    model.warm_up()
    assert sorted(model.seconds_by_size) == [2, 8]
    assert added == []
    for size in (1, 2, 3, 8):
        scores = model.predict(np.zeros((size, SIDE, SIDE, 3), np.uint8))["score"]
        sizes.append(int(scores[0, 0]))
        assert scores.shape == (size, 1)
    assert sizes == [2, 2, 8, 8]
    assert added == [1, 5]


def test_photos_reach_the_graph_as_bytes_and_become_floats_there(reference_model: Path) -> None:
    graph = freeze(bundle.read(str(reference_model))).function
    assert [photos.dtype for photos in graph.inputs] == [tf.uint8]
    casts = [op for op in graph.graph.get_operations() if op.type == "Cast"]
    assert (tf.uint8, tf.float32) in [(op.inputs[0].dtype, op.outputs[0].dtype) for op in casts]


def test_models_that_take_different_photos_cannot_stand_side_by_side(stand: Stand, tmp_path: Path) -> None:
    small = save_bundle(Halves(), tmp_path / "small" / "1", name="small")
    both = f"{stand.environment['WORKER_MODEL']},{small}"
    with pytest.raises(ConfigurationError, match="take different photos"), stand.worker(model=both):
        pass
