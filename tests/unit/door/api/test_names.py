"""What photos are called that come by HTTP."""

import pytest

from tests.support.door_asking import OWNERS
from worker.door.api.names import Names
from worker.door.problems import Refusal
from worker.errors import ConfigurationError
from worker.messages import PhotoId, S3Object
from worker.settings.values import UUID_SEGMENT

ID = "3f0e8a52-6a0f-4c11-9f0e-0a1b2c3d4e5f"


def test_a_photo_without_owners_is_one_of_the_images() -> None:
    names = Names(UUID_SEGMENT)
    assert (names.collection, names.one) == ("/images", "/images/{image_id}")
    assert names.photo("any-id_1.x") == PhotoId("any-id_1.x")
    assert names.location(PhotoId(ID)) == f"/images/{ID}"


def test_a_photo_with_an_owner_is_one_of_theirs() -> None:
    names = Names(OWNERS)
    assert (names.collection, names.one) == ("/images/{owner}", "/images/{owner}/{image_id}")
    assert names.photo(ID, "ada") == PhotoId(ID, "ada")
    assert names.location(PhotoId(ID, "ada")) == f"/images/ada/{ID}"


@pytest.mark.parametrize(("image_id", "owner"), [("a b", ""), ("x" * 129, ""), ("a:b", ""), ("one", "a:b")])
def test_a_name_that_could_reach_into_other_keys_is_refused(image_id: str, owner: str) -> None:
    with pytest.raises(Refusal) as caught:
        Names(OWNERS if owner else UUID_SEGMENT).photo(image_id, owner)
    assert caught.value.code == "no_image_id"


def test_bytes_that_are_stored_nowhere_are_named_by_themselves() -> None:
    assert Names(UUID_SEGMENT).stored(PhotoId(ID), "ab", 5) == S3Object(
        "", "", etag="ab", size=5, sha256="ab", via="http"
    )


@pytest.mark.parametrize(
    ("pattern", "photo", "key"),
    [(UUID_SEGMENT, PhotoId(ID), f"uploads/{ID}"), (OWNERS, PhotoId(ID, "ada"), f"uploads/ada/{ID}")],
)
def test_a_key_leads_back_to_its_photo(pattern: str, photo: PhotoId, key: str) -> None:
    names = Names(pattern, "photos", "uploads/")
    stored = names.stored(photo, "ab", 5)
    assert stored == S3Object("photos", key, size=5, sha256="ab", via="http")
    assert names.photo(*photo) == photo


def test_an_id_whose_key_would_be_no_photos_is_refused() -> None:
    with pytest.raises(Refusal, match="does not take"):
        Names(UUID_SEGMENT, "photos", "uploads/").photo("not-a-uuid")


@pytest.mark.parametrize(
    ("pattern", "prefix"), [(UUID_SEGMENT, "photo-"), (r"^in/(?P<image_id>[^/]+)$", "uploads/")]
)
def test_a_prefix_that_leads_nowhere_is_reported_at_the_start(pattern: str, prefix: str) -> None:
    with pytest.raises(ConfigurationError, match=r"WORKER_DOOR_PREFIX is .* find the image id in a key"):
        Names(pattern, "photos", prefix)


def test_a_prefix_that_leads_to_no_owner_is_reported_at_the_start() -> None:
    with pytest.raises(
        ConfigurationError, match="find the image id and owner in a key such as uploads/owner/"
    ):
        Names(r"^in/(?P<owner>\w+)/(?P<image_id>[^/]+)$", "photos", "uploads/")
