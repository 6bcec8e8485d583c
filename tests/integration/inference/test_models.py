"""Other models in place of the reference model, or beside it."""

import io
import uuid
from pathlib import Path

import pytest
from PIL import Image

from tests.support import bodies
from tests.support.models import Halves, RefusesRed, save_bundle
from tests.support.stand import Stand
from worker.errors import ConfigurationError


def plain(red: int, green: int, blue: int) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (40, 40), (red, green, blue)).save(stream, "PNG")
    return stream.getvalue()


def grey(level: int) -> bytes:
    return plain(level, level, level)


def announce(stand: Stand, photo: bytes) -> str:
    image_id = str(uuid.uuid4())
    stand.put(image_id, photo)
    stand.send(bodies.notification(stand.bucket, f"uploads/{image_id}.jpg"))
    return image_id


def test_one_setting_replaces_the_model_and_the_newest_version_serves(stand: Stand, tmp_path: Path) -> None:
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
    assert {name: one.score_mean for name, one in result.inference.items()} == {"one": 4.2, "two": 1.0}


def test_only_the_photo_that_the_model_refuses_becomes_a_dead_letter(stand: Stand, tmp_path: Path) -> None:
    location = save_bundle(RefusesRed(), tmp_path / "picky" / "1", name="picky")
    good = [announce(stand, grey(level)) for level in (10, 20)]
    announce(stand, plain(255, 0, 0))
    good.append(announce(stand, grey(30)))
    with stand.worker(model=str(location)):
        assert [stand.result(image_id).status for image_id in good] == ["scored"] * 3
        stand.settles(dead=1)
    assert len(stand.stored()) == 3


def test_models_that_take_different_photos_are_refused(stand: Stand, tmp_path: Path) -> None:
    small = save_bundle(Halves(), tmp_path / "small" / "1", name="small")
    both = f"{stand.environment['WORKER_MODEL']},{small}"
    with pytest.raises(ConfigurationError, match="take different photos"), stand.worker(model=both):
        pass
