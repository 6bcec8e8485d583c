"""Tests of photos seen before, with a whole worker: copies, look-alikes, owners, forget and rehash."""

import hashlib
import io
import json
import time
import uuid

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.integration.redis.photos import exact
from tests.support import heic
from tests.support.colours import turn_hue
from tests.support.photos import COFFEE, SAMPLES, coffee
from tests.support.rig import Rig
from tests.support.waiting import PATIENCE
from worker import settings
from worker.adapters.redis.store import RedisStore
from worker.client import Client
from worker.messages import PhotoId
from worker.photos.decoding import Target, prepare
from worker.photos.hashes import PHASH
from worker.result import DuplicateOf, Result
from worker.results import look_alikes
from worker.results.look_alikes import DuplicateRule, Fingerprint
from worker.results.redis_keys import Keys

PHOTO = coffee()
OTHER = (SAMPLES / "croissant.jpg").read_bytes()
PER_OWNER = {
    "WORKER_IMAGE_ID_PATTERN": r"^users/(?P<owner>[^/]+)/(?P<image_id>[^/.]+)",
    "WORKER_RESULT_KEY": "result:{owner}:{image_id}",
}


def shrink(photo: bytes) -> bytes:
    """The same picture, smaller and compressed again."""
    image, stream = Image.open(io.BytesIO(photo)), io.BytesIO()
    image.resize((round(image.width * 0.8), round(image.height * 0.8))).save(stream, "JPEG", quality=60)
    return stream.getvalue()


def recolour(photo: bytes) -> bytes:
    """The same picture in other colours, as bright as before."""
    image, stream = Image.open(io.BytesIO(photo)), io.BytesIO()
    turn_hue(image.convert("RGB"), 120).save(stream, "JPEG", quality=90)
    return stream.getvalue()


def score(rig: Rig, photo: bytes) -> Result:
    return rig.result(rig.client.submit(photo, ".jpg"))


def test_copies_and_look_alikes_name_the_first_photo(rig: Rig) -> None:
    with rig.worker() as telemetry:
        first = score(rig, PHOTO)
        copy = score(rig, PHOTO)
        alike = score(rig, shrink(PHOTO))
        other = score(rig, OTHER)
    assert first.duplicate_of is None
    assert copy.duplicate_of == DuplicateOf(image_id=first.image_id, distance=0, kind="exact")
    assert copy.reused_from == first.image_id
    assert (copy.score_mean, copy.inference) == (first.score_mean, first.inference)
    assert alike.duplicate_of is not None
    assert (alike.duplicate_of.image_id, alike.duplicate_of.kind) == (first.image_id, "near")
    assert alike.reused_from is None
    assert "infer" in alike.timings_ms
    assert (other.duplicate_of, other.reused_from) == (None, None)
    counts = telemetry.counts
    assert (counts["duplicates_exact"], counts["duplicates_near"], counts["scores_reused"]) == (1, 1, 1)


def test_look_alikes_get_the_scores_of_the_first_photo_if_configured(rig: Rig) -> None:
    with rig.worker(reuse="near"):
        first = score(rig, PHOTO)
        alike = score(rig, shrink(PHOTO))
    assert (alike.reused_from, alike.score_mean) == (first.image_id, first.score_mean)
    assert alike.duplicate_of is not None


def test_a_photo_in_other_colours_is_no_look_alike_although_its_hash_is_the_same(rig: Rig) -> None:
    with rig.worker(reuse="near"):
        first = score(rig, PHOTO)
        other = score(rig, recolour(PHOTO))
        alike = score(rig, shrink(recolour(PHOTO)))
    assert look_alikes.distance(other.image_hash, first.image_hash) in range(7)
    assert (other.duplicate_of, other.reused_from) == (None, None)
    assert alike.reused_from == other.image_id


def test_rehash_fills_in_colours_that_an_earlier_worker_did_not_know(rig: Rig) -> None:
    image_id = str(uuid.uuid4())
    rig.put(image_id, PHOTO)
    store = RedisStore.connect(
        rig.environment["WORKER_REDIS_URL"],
        keys=Keys("result:{image_id}"),
        expiry=60,
        timeout=5,
        rule=DuplicateRule(PHASH.radius, settings.load(rig.environment).duplicate_window),
    )
    look = prepare(PHOTO, Target(224, 224, "crop"), 10**8)[1]
    before = Fingerprint(hashlib.sha256(PHOTO).hexdigest(), look.image_hash)
    store.index.enter([(PhotoId(image_id), before, int(time.time() * 1e6))])
    assert store.index.find_look_alike(PhotoId("other"), look) is None
    assert rig.run("rehash")[:2] == (0, "1 entered\n")
    assert store.index.find_look_alike(PhotoId("other"), look) == PhotoId(image_id)
    assert rig.run("rehash")[:2] == (0, "1 known\n")


def test_a_worker_and_rehash_look_at_thumbnails_as_the_setting_says(rig: Rig) -> None:
    coffee_cup, croissant = (
        Image.open(SAMPLES / name).convert("RGB") for name in ("coffee.png", "croissant.jpg")
    )
    photo = heic.with_thumbnail(coffee_cup.resize((640, 480)), croissant.resize((320, 240)))
    with rig.worker():
        first = score(rig, photo)
        alike = score(rig, OTHER)
    with rig.worker(embedded_thumbnails="off"):
        again = score(rig, photo)
    assert (first.decoded, alike.decoded, again.decoded) == ("thumbnail", "photo", "photo")
    assert look_alikes.distance(first.image_hash, alike.image_hash) in range(9)
    assert look_alikes.distance(again.image_hash, alike.image_hash) not in range(9)
    assert (again.duplicate_of, again.reused_from) == (exact(first.image_id), None)
    assert rig.run("rehash", "--again", embedded_thumbnails="auto")[1] == "1 entered, 2 known\n"
    assert rig.run("rehash", "--again", embedded_thumbnails="off")[1] == "2 entered, 1 known\n"
    assert rig.run("rehash", "--again", embedded_thumbnails="off")[1] == "3 known\n"


def test_copies_of_a_photo_of_unknown_colours_get_theirs(rig: Rig) -> None:
    with rig.worker():
        first = score(rig, PHOTO)
        name = f"result:{first.image_id}"
        rig.redis.set(name, first.model_copy(update={"image_colours": None}).model_dump_json(), keepttl=True)
        second, third = score(rig, PHOTO), score(rig, PHOTO)
    assert second.duplicate_of == third.duplicate_of == exact(first.image_id)
    assert second.image_colours == third.image_colours == first.image_colours is not None
    assert (second.reused_from, third.reused_from) == (None, second.image_id)


def test_the_index_is_rebuilt_from_the_bucket(rig: Rig) -> None:
    first = str(uuid.uuid4())
    rig.put(first, PHOTO)
    rig.put(str(uuid.uuid4()), OTHER)
    rig.put(str(uuid.uuid4()), b"not a photo")
    rig.s3.put_object(Bucket=rig.bucket, Key="exports/today.csv", Body=b"not ours")
    assert rig.run("rehash")[:2] == (0, "2 entered, 1 unreadable\n")
    assert rig.run("rehash")[:2] == (0, "2 known, 1 unreadable\n")
    with rig.worker():
        alike = score(rig, shrink(PHOTO))
    assert alike.duplicate_of is not None
    assert alike.duplicate_of.image_id == first


def test_photos_are_read_again_after_a_change_of_the_setting_for_colours(rig: Rig) -> None:
    image_id, png, gamma = str(uuid.uuid4()), io.BytesIO(), PngInfo()
    gamma.add(b"gAMA", (100_000).to_bytes(4, "big"))  # linear light
    Image.open(io.BytesIO(PHOTO)).save(png, "PNG", pnginfo=gamma)
    rig.put(image_id, png.getvalue())
    assert rig.run("rehash", colours="keep")[:2] == (0, "1 entered\n")
    keep = rig.redis.get(f"seen:photo:{image_id}")
    assert rig.run("rehash")[:2] == (0, "1 known\n")
    assert rig.run("rehash", "--again")[:2] == (0, "1 entered\n")
    assert rig.redis.get(f"seen:photo:{image_id}") != keep
    assert rig.run("rehash", "--again")[:2] == (0, "1 known\n")


def test_without_a_window_there_is_nothing_to_rebuild(rig: Rig) -> None:
    code, _, err = rig.run("rehash", duplicate_window="0")
    assert code == 2
    assert "WORKER_DUPLICATE_WINDOW is 0" in err


def test_a_radius_that_would_read_too_much_is_refused(rig: Rig) -> None:
    code, _, err = rig.run("run", duplicate_radius="15")
    assert code == 2
    assert err.endswith("worker: WORKER_DUPLICATE_RADIUS is 15: with phash it may be 14 at most\n")


def test_a_bucket_that_cannot_be_listed_is_reported_in_one_line(rig: Rig) -> None:
    code, _, err = rig.run("rehash", buckets="nobody-made-this")
    assert (code, err.count("\n")) == (2, 1)
    assert "nobody-made-this" in err


def test_a_photo_can_be_forgotten(rig: Rig) -> None:
    with rig.worker():
        first = score(rig, PHOTO)
    unknown = str(uuid.uuid4())
    code, out, _ = rig.run("forget", first.image_id, unknown)
    assert (code, out) == (0, f"{first.image_id}: forgotten\n{unknown}: nothing was known of it\n")
    marks = {f"seen:forgotten:{image_id}" for image_id in (first.image_id, unknown)}
    assert marks <= set(rig.redis.keys("*")) <= {"seen:clock", *marks}


def test_a_photo_that_is_forgotten_while_it_waits_leaves_no_result_until_it_is_announced_again(
    rig: Rig,
) -> None:
    image_id = rig.client.submit(PHOTO, ".jpg")
    assert rig.run("forget", image_id)[0] == 0
    with rig.worker() as telemetry:
        rig.settles()
        assert telemetry.counts["forgotten"] == 1
        assert rig.stored() == {}
        rig.send({"bucket": rig.bucket, "key": f"uploads/{image_id}.jpg"})
        assert rig.result(image_id).status == "scored"


def test_an_id_that_reaches_into_other_keys_cannot_be_forgotten(rig: Rig) -> None:
    rig.redis.set("result:ada:one", "{}")
    code, _, err = rig.run("forget", "ada:one")
    assert (code, "is no image id" in err, rig.redis.exists("result:ada:one")) == (2, True, 1)


def test_owners_learn_nothing_of_one_another(rig: Rig) -> None:
    rig.environment.update(PER_OWNER)
    loaded = settings.load(rig.environment)
    ada, bob = (Client(loaded, prefix=f"users/{owner}/") for owner in ("ada", "bob"))
    with rig.worker():
        first = ada.wait(ada.submit(PHOTO, ".jpg"), PATIENCE)
        foreign = bob.wait(bob.submit(PHOTO, ".jpg"), PATIENCE)
        own = ada.wait(ada.submit(PHOTO, ".jpg"), PATIENCE)
    assert (foreign.owner, foreign.duplicate_of, foreign.reused_from) == ("bob", None, None)
    assert own.duplicate_of == DuplicateOf(image_id=first.image_id, distance=0, kind="exact")
    stored = json.loads(rig.redis.get(f"result:ada:{own.image_id}"))
    assert stored["owner"] == "ada"
    code, _, err = rig.run("forget", own.image_id)
    assert (code, "name it with --owner" in err) == (2, True)
    code, out, _ = rig.run("forget", own.image_id, "--owner", "ada")
    assert (code, out) == (0, f"{own.image_id}: forgotten\n")


def test_a_key_without_a_required_owner_is_refused(rig: Rig) -> None:
    rig.environment.update(PER_OWNER)
    code, _, err = rig.run("submit", str(COFFEE))
    assert code == 2
    assert "names no image id" in err  # nor an owner: the pattern asks for both
