"""Names in Redis: results by their template, and an index in the same slot of a cluster."""

import pytest
from redis.crc import key_slot

from worker.messages import PhotoId
from worker.results.redis_keys import Keys

ADAS, BOBS = PhotoId("one", "ada"), PhotoId("one", "bob")


@pytest.mark.parametrize(
    ("template", "photo", "result", "index"),
    [
        ("result:{image_id}", PhotoId("one"), "result:one", "seen:"),
        ("result:{image_id}", ADAS, "result:one", "seen@ada:"),
        ("result:{owner}:{image_id}", ADAS, "result:ada:one", "seen@ada:"),
        ("{photos}:result:{image_id}", PhotoId("one"), "{photos}:result:one", "{photos}seen:"),
        ("{photos}:result:{image_id}", ADAS, "{photos}:result:one", "{photos}seen@ada:"),
        ("{{owner}}:result:{image_id}", ADAS, "{ada}:result:one", "{ada}seen@ada:"),
        ("{of-{owner}}:{image_id}", ADAS, "{of-ada}:one", "{of-ada}seen@ada:"),
    ],
)
def test_keys_follow_the_template(template: str, photo: PhotoId, result: str, index: str) -> None:
    keys = Keys(template)
    index_keys = keys.index(photo.owner)
    assert (keys.result(photo), index_keys.root) == (result, index)
    if keys.has_tag:
        assert key_slot(keys.result(photo).encode()) == key_slot(index_keys.clock.encode())


def test_a_tag_with_the_owner_spreads_owners_over_the_cluster() -> None:
    keys = Keys("{{owner}}:result:{image_id}")
    assert key_slot(keys.result(ADAS).encode()) != key_slot(keys.result(BOBS).encode())


@pytest.mark.parametrize(
    ("template", "owned", "tagged"),
    [
        ("result:{image_id}", False, False),
        ("{photos}:{image_id}", False, True),
        ("{owner}:{image_id}", True, False),
        ("{{owner}}:{image_id}", True, True),
    ],
)
def test_a_template_tells_whether_it_names_owners_and_has_a_tag(
    template: str, owned: bool, tagged: bool
) -> None:
    keys = Keys(template)
    assert (keys.names_owner, keys.has_tag) == (owned, tagged)


@pytest.mark.parametrize(
    "template",
    ["result", "{image_id}{image_id}", "{a}{b}:{image_id}", "{:{image_id}", "{}:{image_id}", "{{image_id}}"],
)
def test_a_template_that_means_nothing_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match=r"must|may"):
        Keys(template)
