"""Tests of key names: results follow the template, and the index is in the same slot of a cluster."""

import pytest
from redis.crc import key_slot

from worker.messages import PhotoId
from worker.results.redis_keys import Keys

ADA, BOB = PhotoId("one", "ada"), PhotoId("one", "bob")


@pytest.mark.parametrize(
    ("template", "photo", "result", "index"),
    [
        ("result:{image_id}", PhotoId("one"), "result:one", "seen:"),
        ("result:{image_id}", ADA, "result:one", "seen@ada:"),
        ("result:{owner}:{image_id}", ADA, "result:ada:one", "seen@ada:"),
        ("{photos}:result:{image_id}", PhotoId("one"), "{photos}:result:one", "{photos}seen:"),
        ("{photos}:result:{image_id}", ADA, "{photos}:result:one", "{photos}seen@ada:"),
        ("{{owner}}:result:{image_id}", ADA, "{ada}:result:one", "{ada}seen@ada:"),
        ("{of-{owner}}:{image_id}", ADA, "{of-ada}:one", "{of-ada}seen@ada:"),
    ],
)
def test_keys_follow_the_template(template: str, photo: PhotoId, result: str, index: str) -> None:
    keys = Keys(template)
    index_keys = keys.index(photo.owner)
    assert (keys.result(photo), index_keys.root) == (result, index)
    if keys.has_tag:
        assert key_slot(keys.result(photo).encode()) == key_slot(index_keys.clock.encode())


def test_a_hash_tag_with_the_owner_spreads_owners_over_the_cluster() -> None:
    keys = Keys("{{owner}}:result:{image_id}")
    assert key_slot(keys.result(ADA).encode()) != key_slot(keys.result(BOB).encode())


@pytest.mark.parametrize(
    ("template", "names_owner", "has_tag"),
    [
        ("result:{image_id}", False, False),
        ("{photos}:{image_id}", False, True),
        ("{owner}:{image_id}", True, False),
        ("{{owner}}:{image_id}", True, True),
    ],
)
def test_a_template_may_name_owners_and_have_a_hash_tag(
    template: str, names_owner: bool, has_tag: bool
) -> None:
    keys = Keys(template)
    assert (keys.names_owner, keys.has_tag) == (names_owner, has_tag)


@pytest.mark.parametrize(
    "template",
    ["result", "{image_id}{image_id}", "{a}{b}:{image_id}", "{:{image_id}", "{}:{image_id}", "{{image_id}}"],
)
def test_a_wrong_template_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match=r"must|may"):
        Keys(template)
