"""Photos seen before, through a whole worker: copies, look-alikes, owners, forgetting, the index rebuilt from S3."""

import io
import json
import uuid

from PIL import Image

from tests.support.photos import COFFEE, SAMPLES, coffee
from tests.support.rig import Rig
from tests.support.waiting import PATIENCE
from worker import settings
from worker.client import Client
from worker.result import DuplicateOf

PHOTO = coffee()
OTHER = (SAMPLES / "croissant.jpg").read_bytes()
PER_OWNER = {
    "WORKER_IMAGE_ID_PATTERN": r"^users/(?P<owner>[^/]+)/(?P<image_id>[^/.]+)",
    "WORKER_RESULT_KEY": "result:{owner}:{image_id}",
}


def changed(photo: bytes, scale: float = 0.8, quality: int = 60) -> bytes:
    """The same picture, smaller and compressed anew."""
    image = Image.open(io.BytesIO(photo))
    stream = io.BytesIO()
    size = (round(image.width * scale), round(image.height * scale))
    image.resize(size).save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def test_copies_and_look_alikes_name_the_first(rig: Rig) -> None:
    with rig.worker() as telemetry:
        first = rig.result(rig.client.submit(PHOTO, ".jpg"))
        copy = rig.result(rig.client.submit(PHOTO, ".jpg"))
        alike = rig.result(rig.client.submit(changed(PHOTO), ".jpg"))
        other = rig.result(rig.client.submit(OTHER, ".jpg"))
    assert first.duplicate_of is None
    assert copy.duplicate_of == DuplicateOf(image_id=first.image_id, distance=0, kind="exact")
    assert (copy.reused_from, copy.score_mean, copy.inference) == (
        first.image_id,
        first.score_mean,
        first.inference,
    )
    assert alike.duplicate_of is not None
    assert (alike.duplicate_of.image_id, alike.duplicate_of.kind) == (first.image_id, "near")
    assert alike.reused_from is None
    assert "infer" in alike.timings_ms
    assert (other.duplicate_of, other.reused_from) == (None, None)
    counts = telemetry.counts
    assert (counts["duplicates_exact"], counts["duplicates_near"], counts["scores_reused"]) == (1, 1, 1)


def test_look_alikes_get_the_scores_of_the_first_where_that_is_set(rig: Rig) -> None:
    with rig.worker(reuse="near"):
        first = rig.result(rig.client.submit(PHOTO, ".jpg"))
        alike = rig.result(rig.client.submit(changed(PHOTO), ".jpg"))
    assert (alike.reused_from, alike.score_mean) == (first.image_id, first.score_mean)
    assert alike.duplicate_of is not None


def test_the_index_is_rebuilt_from_the_bucket(rig: Rig) -> None:
    first = str(uuid.uuid4())
    rig.put(first, PHOTO)
    rig.put(str(uuid.uuid4()), OTHER)
    rig.put(str(uuid.uuid4()), b"no photo")
    rig.s3.put_object(Bucket=rig.bucket, Key="exports/today.csv", Body=b"none of ours")
    assert rig.run("rehash")[:2] == (0, "2 entered, 1 unreadable\n")
    assert rig.run("rehash")[:2] == (0, "2 known, 1 unreadable\n")
    with rig.worker():
        alike = rig.result(rig.client.submit(changed(PHOTO), ".jpg"))
    assert alike.duplicate_of is not None
    assert alike.duplicate_of.image_id == first


def test_what_is_not_to_be_remembered_is_not_rebuilt(rig: Rig) -> None:
    code, _, said = rig.run("rehash", duplicate_window="0")
    assert code == 2
    assert "WORKER_DUPLICATE_WINDOW is 0" in said


def test_a_radius_that_would_read_too_much_is_refused(rig: Rig) -> None:
    code, _, said = rig.run("run", duplicate_radius="15")
    assert (code, said) == (2, "worker: WORKER_DUPLICATE_RADIUS is 15: with phash it may be 14 at most\n")


def test_a_bucket_that_cannot_be_listed_is_said_in_a_line(rig: Rig) -> None:
    code, _, said = rig.run("rehash", buckets="nobody-made-this")
    assert (code, said.count("\n")) == (2, 1)
    assert "nobody-made-this" in said


def test_who_asks_to_be_forgotten_is(rig: Rig) -> None:
    with rig.worker():
        first = rig.result(rig.client.submit(PHOTO, ".jpg"))
    unknown = str(uuid.uuid4())
    code, said, _ = rig.run("forget", first.image_id, unknown)
    assert (code, said) == (0, f"{first.image_id}: forgotten\n{unknown}: nothing was known of it\n")
    assert set(rig.redis.keys("*")) <= {"seen:clock"}


def test_owners_do_not_learn_of_one_another(rig: Rig) -> None:
    rig.environment.update(PER_OWNER)
    wanted = settings.load(rig.environment)
    ada, bob = (Client(wanted, prefix=f"users/{owner}/") for owner in ("ada", "bob"))
    with rig.worker():
        first = ada.wait(ada.submit(PHOTO, ".jpg"), PATIENCE)
        foreign = bob.wait(bob.submit(PHOTO, ".jpg"), PATIENCE)
        own = ada.wait(ada.submit(PHOTO, ".jpg"), PATIENCE)
    assert (foreign.owner, foreign.duplicate_of, foreign.reused_from) == ("bob", None, None)
    assert own.duplicate_of == DuplicateOf(image_id=first.image_id, distance=0, kind="exact")
    stored = json.loads(rig.redis.get(f"result:ada:{own.image_id}"))
    assert stored["owner"] == "ada"
    code, _, complaint = rig.run("forget", own.image_id)
    assert (code, "name it with --owner" in complaint) == (2, True)
    code, said, _ = rig.run("forget", own.image_id, "--owner", "ada")
    assert (code, said) == (0, f"{own.image_id}: forgotten\n")


def test_a_key_without_an_owner_where_one_is_needed_is_said(rig: Rig) -> None:
    rig.environment.update(PER_OWNER)
    code, _, said = rig.run("submit", str(COFFEE))
    assert code == 2
    assert "names no owner" in said
