"""Other models in place of the reference model, or beside it."""

import io
import uuid
from pathlib import Path

import pytest
from PIL import Image

from tests.support import bodies
from tests.support.models import Halves, RefusesRed, save_bundle
from tests.support.rig import Rig
from worker.errors import ConfigurationError


def plain(red: int, green: int, blue: int) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (40, 40), (red, green, blue)).save(stream, "PNG")
    return stream.getvalue()


def grey(level: int) -> bytes:
    return plain(level, level, level)


def announce(rig: Rig, photo: bytes) -> str:
    image_id = str(uuid.uuid4())
    rig.put(image_id, photo)
    rig.send(bodies.notification(rig.bucket, f"uploads/{image_id}.jpg"))
    return image_id


def test_one_setting_replaces_the_model_and_the_newest_version_serves(rig: Rig, tmp_path: Path) -> None:
    save_bundle(Halves(), tmp_path / "halves" / "9", name="halves")
    location = save_bundle(Halves(), tmp_path / "halves" / "10", name="halves")
    dark, light = announce(rig, grey(0)), announce(rig, grey(255))
    with rig.worker(model=str(location)):
        scores = [rig.result(image_id).score for image_id in (dark, light)]
        models = rig.result(dark).models
    assert scores == [1, 5]
    assert models == {"halves": "10"}


def test_two_models_run_on_the_same_batch_and_the_first_one_gives_the_score(rig: Rig, tmp_path: Path) -> None:
    one = save_bundle(Halves(), tmp_path / "one" / "1", name="one")
    two = save_bundle(RefusesRed(), tmp_path / "two" / "3", name="two")
    image_id = announce(rig, grey(204))
    with rig.worker(model=f"{one},{two}"):
        result = rig.result(image_id)
    assert result.models == {"one": "1", "two": "3"}
    assert result.score == 4
    assert {name: one.score_mean for name, one in result.inference.items()} == {"one": 4.2, "two": 1.0}


def test_only_the_photo_that_the_model_refuses_becomes_a_dead_letter(rig: Rig, tmp_path: Path) -> None:
    location = save_bundle(RefusesRed(), tmp_path / "picky" / "1", name="picky")
    good = [announce(rig, grey(level)) for level in (10, 20)]
    announce(rig, plain(255, 0, 0))
    good.append(announce(rig, grey(30)))
    with rig.worker(model=str(location)):
        assert [rig.result(image_id).status for image_id in good] == ["scored"] * 3
        rig.settles(dead=1)
    assert len(rig.stored()) == 3


def test_models_that_take_different_photos_are_refused(rig: Rig, tmp_path: Path) -> None:
    small = save_bundle(Halves(), tmp_path / "small" / "1", name="small")
    both = f"{rig.environment['WORKER_MODEL']},{small}"
    with pytest.raises(ConfigurationError, match="take different photos"), rig.worker(model=both):
        pass
