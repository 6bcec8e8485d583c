"""The cache of models from S3: what is left by others, and what may not be written."""

import os
from pathlib import Path

import pytest

from tests.support.memory_bucket import MemoryBucket
from tests.support.models_without_graph import write_bundle
from worker.inference.delivery.library import Library
from worker.inference.delivery.publishing import publish
from worker.inference.delivery.workplace import PREFIX
from worker.telemetry.counters import Telemetry

LOCATION = "s3://models/meals/"


@pytest.fixture
def library(tmp_path: Path) -> Library:
    bucket = MemoryBucket()
    write_bundle(tmp_path / "meals" / "1")
    publish(tmp_path / "meals", LOCATION, bucket)
    return Library(bucket, tmp_path / "cache", telemetry=Telemetry(), clock=lambda: 0.0)


def test_what_a_killed_download_has_left_is_removed_by_the_next_one(library: Library) -> None:
    left = library.cache / "models" / "meals" / f"{PREFIX}left"
    left.mkdir(parents=True)
    os.utime(left, (0, 0))
    library.fetch(LOCATION)
    assert [path.name for path in left.parent.iterdir()] == ["1"]


def test_a_model_that_is_there_is_used_although_nothing_can_be_written(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise OSError(30, "Read-only file system", str(path))

    first = library.fetch(LOCATION)
    monkeypatch.setattr(os, "utime", refuse)
    assert library.fetch(LOCATION).path == first.path
