"""Publishing a model again: its files never change, and a translation that readers know stays."""

from pathlib import Path

import pytest

from tests.support.memory_bucket import MemoryBucket
from tests.support.models_without_graph import write_bundle
from worker import cli
from worker.commands import CONFIGURATION
from worker.errors import ConfigurationError
from worker.inference.delivery import checksums
from worker.inference.delivery.publishing import publish

LOCATION = "s3://models/meals/"


@pytest.fixture
def bucket() -> MemoryBucket:
    return MemoryBucket()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_bundle(tmp_path / "meals" / "1").path


def translate(folder: Path, content: str) -> None:
    (folder / "translation").mkdir(exist_ok=True)
    (folder / "translation" / "model.tflite").write_text(content)


def test_the_list_comes_last_and_names_the_translation(bucket: MemoryBucket, folder: Path) -> None:
    translate(folder, "one")
    publish(folder, LOCATION, bucket)
    assert bucket.uploaded[-1] == checksums.NAME
    assert "translation/model.tflite" in bucket.uploaded
    assert bucket.is_whole()


def test_a_translation_of_other_bytes_does_not_take_the_place_of_one_that_is_there(
    bucket: MemoryBucket, folder: Path
) -> None:
    translate(folder, "one")
    publish(folder, LOCATION, bucket)
    before = dict(bucket.objects)
    translate(folder, "another machine's")
    publish(folder, LOCATION, bucket)
    assert bucket.objects == before
    assert bucket.is_whole()


def test_a_translation_may_be_added_later_and_is_kept_by_whoever_has_none(
    bucket: MemoryBucket, folder: Path
) -> None:
    publish(folder, LOCATION, bucket)
    translate(folder, "one")
    publish(folder, LOCATION, bucket)
    assert bucket.objects["meals/1/translation/model.tflite"] == b"one"
    assert bucket.is_whole()
    (folder / "translation" / "model.tflite").unlink()
    publish(folder, LOCATION, bucket)
    assert bucket.is_whole()
    assert "meals/1/translation/model.tflite" in bucket.objects


def test_other_files_are_refused_with_whatever_translation(bucket: MemoryBucket, folder: Path) -> None:
    publish(folder, LOCATION, bucket)
    translate(folder, "one")
    (folder / "saved_model.pb").write_text("retrained")
    before = dict(bucket.objects)
    with pytest.raises(ConfigurationError, match="published already, with other files"):
        publish(folder, LOCATION, bucket)
    assert bucket.objects == before


def test_a_version_that_is_whole_is_not_uploaded_again_and_one_with_a_gap_is_made_whole(
    bucket: MemoryBucket, folder: Path
) -> None:
    translate(folder, "one")
    publish(folder, LOCATION, bucket)
    bucket.uploaded.clear()
    publish(folder, LOCATION, bucket)
    assert bucket.uploaded == []
    del bucket.objects["meals/1/saved_model.pb"]
    publish(folder, LOCATION, bucket)
    assert bucket.uploaded == ["saved_model.pb", checksums.NAME]
    assert bucket.is_whole()


@pytest.mark.parametrize(
    "location", ["photos/meals", "photos/meals/", "/photos/meals", "s3:/photos/meals", "https://photos/meals"]
)
def test_a_place_that_is_no_url_of_s3_is_refused_before_anything_is_uploaded(
    location: str, bucket: MemoryBucket, folder: Path
) -> None:
    with pytest.raises(ConfigurationError, match=f"{location} is not the location of a model: use s3://"):
        publish(folder, location, bucket)
    assert not bucket.uploaded


def test_the_command_refuses_it_before_it_translates(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["publish-model", str(folder), "photos/meals"]) == CONFIGURATION
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("worker: photos/meals is not the location of a model: use s3://")
