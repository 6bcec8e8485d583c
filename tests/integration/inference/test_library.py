"""Models in S3: published, found, downloaded once, checked, loaded by a worker while it scores."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.models import Halves, Threes, save_bundle
from tests.support.photos import coffee
from tests.support.rig import Rig
from tests.support.waiting import eventually
from worker.adapters.aws.model_bucket import ModelBucket
from worker.errors import ConfigurationError, StorageError
from worker.inference.delivery import checksums
from worker.inference.delivery.library import Library
from worker.inference.delivery.publishing import publish
from worker.pipeline.queues import ShutDown
from worker.telemetry.counters import Telemetry


class Shop:
    """A bucket to publish in, and a library that reads it."""

    def __init__(self, rig: Rig, folder: Path) -> None:
        self.rig = rig
        self.bucket = f"models-{uuid.uuid4()}"
        rig.s3.create_bucket(Bucket=self.bucket)
        self.location = f"s3://{self.bucket}/team/meals/"
        self.folder = folder
        self.cache = folder / "cache"
        self.library = self.another()

    def another(self) -> Library:
        """A worker's library, with the same cache."""
        return Library(ModelBucket(), self.cache, telemetry=Telemetry(), clock=lambda: 0.0)

    def publish(self, version: int, *, model: object = None, height: int = 16) -> Path:
        folder = self.folder / "made" / "meals" / str(version)
        save_bundle(model or Halves(), folder, name="meals", height=height)
        publish(folder, self.location, ModelBucket())
        return folder

    def fetch(self) -> Path:
        return self.library.fetch(self.location).path

    def put(self, key: str, body: bytes) -> None:
        self.rig.s3.put_object(Bucket=self.bucket, Key=f"team/meals/{key}", Body=body)

    def delete(self, key: str) -> None:
        self.rig.s3.delete_object(Bucket=self.bucket, Key=f"team/meals/{key}")


@pytest.fixture
def shop(rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    for name, value in rig.environment.items():
        monkeypatch.setenv(name, value)
    return Shop(rig, tmp_path)


def test_a_fetched_model_is_the_published_one(shop: Shop) -> None:
    folder = shop.publish(1)
    found = shop.fetch()
    assert found == shop.cache / shop.bucket / "team/meals/1"
    assert checksums.hash_folder(found) == checksums.hash_folder(folder)
    assert shop.library.newest(shop.location) == "1"


def test_a_model_in_the_cache_is_not_downloaded_again(shop: Shop) -> None:
    folder = shop.publish(1)
    before = shop.fetch()
    for name in checksums.hash_folder(folder):
        shop.delete(f"1/{name}")  # only the list is left: a download would fail
    assert shop.another().fetch(shop.location).path == before


def test_a_damaged_file_of_the_cache_is_downloaded_again(shop: Shop) -> None:
    shop.publish(1)
    (shop.fetch() / "saved_model.pb").write_bytes(b"torn")
    assert checksums.match(shop.fetch(), checksums.hash_folder(shop.folder / "made" / "meals" / "1"))


def test_versions_are_numbers_and_the_newest_complete_one_counts(shop: Shop) -> None:
    for version in (2, 10):
        shop.publish(version)
    shop.put("11/saved_model.pb", b"not complete yet, its list comes last")
    shop.put("latest/SHA256SUMS", b"no number")
    assert shop.library.newest(shop.location) == "10"
    assert shop.library.newest(f"{shop.location}2/") == "2", "a version may be named"


def test_a_file_that_differs_from_the_published_one_is_refused_and_not_kept(shop: Shop) -> None:
    shop.publish(1)
    shop.put("1/saved_model.pb", b"somebody's else")
    with pytest.raises(ConfigurationError, match=r"saved_model\.pb is damaged: its SHA-256 is"):
        shop.fetch()
    assert not [path for path in shop.cache.rglob("*") if path.is_file()]


def test_a_missing_file_of_the_list_is_reported(shop: Shop) -> None:
    shop.publish(1)
    shop.delete("1/saved_model.pb")
    with pytest.raises(StorageError, match=r"saved_model\.pb: .*NoSuchKey"):
        shop.fetch()


@pytest.mark.parametrize("line", [b"../../../etc/passwd", b"/etc/passwd"])
def test_a_list_that_leads_out_of_the_folder_is_refused(shop: Shop, line: bytes) -> None:
    shop.put("1/SHA256SUMS", b"0" * 64 + b"  " + line)
    with pytest.raises(ConfigurationError, match="is not a list of checksums"):
        shop.fetch()


def test_a_folder_without_a_complete_model_is_reported(shop: Shop) -> None:
    with pytest.raises(ConfigurationError, match="has no complete model"):
        shop.fetch()


def test_a_missing_bucket_is_reported(shop: Shop) -> None:
    with pytest.raises(ConfigurationError, match="NoSuchBucket"):
        shop.library.newest(f"s3://no-{uuid.uuid4()}/meals/")


@pytest.mark.parametrize(
    "location",
    ["s3://", "s3://bucket", "s3://bucket/", "s3://bucket/../meals", "s3://bucket/a//b", "s3://../a"],
)
def test_a_malformed_location_is_reported(shop: Shop, location: str) -> None:
    with pytest.raises(ConfigurationError, match="is not the location of a model"):
        shop.library.newest(location)


def test_a_model_is_published_from_inside_its_folder(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = shop.publish(1)
    monkeypatch.chdir(folder)
    assert publish(Path(), shop.location, ModelBucket()).prefix == "team/meals/1"


@pytest.mark.parametrize("name", ["a\nb", "a\udcffb", "a\\b", " a"])
def test_a_file_that_the_list_cannot_name_is_refused_before_anything_is_uploaded(
    shop: Shop, name: str
) -> None:
    folder = shop.publish(1)
    (folder / name).write_bytes(b"notes")
    with pytest.raises(ConfigurationError, match="is not a list of checksums"):
        publish(folder, f"s3://{shop.bucket}/elsewhere", ModelBucket())
    assert ModelBucket().sizes(shop.bucket, "elsewhere/") == {}


def test_a_published_version_is_never_changed(shop: Shop) -> None:
    shop.publish(1)
    with pytest.raises(ConfigurationError, match="is published already, with other files"):
        shop.publish(1, model=Threes())
    publish(shop.folder / "made" / "meals" / "1", f"s3://{shop.bucket}/other/meals", ModelBucket())


def test_workers_that_start_together_share_the_cache(shop: Shop) -> None:
    folder = shop.publish(1)
    with ThreadPoolExecutor(8) as workers:
        found = list(workers.map(lambda _: shop.another().fetch(shop.location).path, range(8)))
    assert len(set(found)) == 1
    assert checksums.hash_folder(found[0]) == checksums.hash_folder(folder)
    assert [path.name for path in found[0].parent.iterdir()] == ["1"], "no partial download is left"


def test_the_cache_keeps_the_version_before_and_no_more(shop: Shop) -> None:
    for version in (1, 2, 3):
        shop.publish(version)
        found = shop.fetch()
    assert {path.name for path in found.parent.iterdir()} == {"2", "3"}


def test_a_stop_abandons_the_download(shop: Shop) -> None:
    shop.publish(1)

    def stop() -> None:
        raise ShutDown

    with pytest.raises(ShutDown):
        shop.library.fetch(shop.location, stop)
    assert not [path for path in shop.cache.rglob("*") if path.is_file()]


# whole processes


def test_the_command_publishes_and_a_worker_without_a_model_says_so(shop: Shop) -> None:
    folder = save_bundle(Halves(), shop.folder / "mine" / "meals" / "4", name="meals")
    code, out, err = shop.rig.run("publish-model", str(folder), shop.location)
    assert (code, err) == (0, "")
    assert f"{shop.location}4/ is whole" in out
    assert (shop.fetch() / "translation" / "model.tflite").is_file()
    code, out, err = shop.rig.run(model=f"s3://{shop.bucket}/nothing/")
    assert (code, "has no complete model" in err) == (2, True)


@pytest.mark.parametrize("engine", ["tensorflow", "litert"])
def test_a_worker_loads_a_new_version_while_photos_flow(shop: Shop, engine: str) -> None:
    rig = shop.rig
    shop.publish(1)
    process = rig.process(
        model=shop.location,
        model_cache=str(shop.cache),
        model_refresh="1",
        engine=engine,
        duplicate_window="0",
        # On a busy machine a redelivered photo would be scored again, by the new version.
        visibility_timeout="60",
    )
    process.wait_for("polling")
    sent = [rig.client.submit(coffee(quality=50), ".jpg")]
    rig.result(sent[0])
    shop.publish(2, model=Threes())

    def submit_until_new() -> bool:
        sent.append(rig.client.submit(coffee(quality=50 + len(sent) % 40), ".jpg"))
        return rig.result(sent[-1]).models == {"meals": "2"}

    eventually(submit_until_new, process.counts)
    shop.publish(3, height=32)  # for other photos: refused
    process.wait_for("model_refused")
    sent.append(rig.client.submit(coffee(quality=95), ".jpg"))
    results = [rig.result(image_id) for image_id in sent]
    assert process.stop() == 0
    versions = [result.models["meals"] for result in results]
    assert versions == sorted(versions)
    assert (versions[0], versions[-1]) == ("1", "2")
    assert {result.score for result, version in zip(results, versions, strict=True) if version == "2"} == {3}
    written = [event["image_id"] for event in process.events("scored")]
    assert sorted(written) == sorted(sent), "each scored once"
    assert rig.left() == 0
    assert rig.left(rig.dead_url) == 0
