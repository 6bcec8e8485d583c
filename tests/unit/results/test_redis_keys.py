"""Tests of key names: results follow the template, and the index is in the same slot of a cluster."""

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from redis.crc import key_slot

from worker.messages import PhotoId
from worker.results.redis_keys import Keys

MESSAGE = "3f0e8a52-6a0f-4c11-9f0e-0a1b2c3d4e5f"  # ids of SQS's messages are UUIDs
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


@pytest.mark.parametrize(
    "template",
    [
        "{owner}{image_id}",
        "r:{owner}-{image_id}",
        "{image_id}.{owner}",
        "r:{owner}.results.{image_id}",
        "{owner}_{image_id}:r",
        "{{owner}}:{owner}x{image_id}",
    ],
)
def test_a_template_that_two_photos_could_share_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match="between its fields"):
        Keys(template)


@pytest.mark.parametrize(
    "template",
    [
        "seen:{image_id}",  # clock
        "seen:photo:{image_id}",
        "seen:exact:{image_id}",
        "seen:tries:{image_id}",
        "seen:forgotten:{image_id}",
        "seen:phash-1:0:{image_id}",
        "seen:p{image_id}:0:0000",
        "{image_id}:clock",
        "s{image_id}:clock",
        "{image_id}:photo:x",
        "seen:{image_id}:result",  # the record of a photo called result
        "{owner}:tries:{image_id}",
        "{owner}:tries:x{image_id}",
        f"{{owner}}:{{image_id}}:{MESSAGE}",
        "seen@{owner}:{image_id}",
        "seen@{owner}:photo:{image_id}",
        "{photos}seen:{image_id}",
        "{photos}s{image_id}n:clock",
        "{{owner}}seen@{owner}:photo:{image_id}",
    ],
)
def test_a_template_that_gives_another_key_of_the_worker_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match="other things"):
        Keys(template)


@pytest.mark.parametrize(
    "template",
    [
        "{image_id}",
        "{image_id}:result",
        "seen-{image_id}",
        "seen/{image_id}",
        "{owner}:{image_id}",
        "{owner}:result:{image_id}",
        "{owner}/{image_id}",
        "{owner}:{image_id}:result",  # no message is called result
        "{{owner}}{image_id}",
        "{of-{owner}}-{image_id}",
        "{photos}:seen:{image_id}",
        "seen:{owner}:{image_id}:{owner}",
    ],
)
def test_other_templates_are_accepted(template: str) -> None:
    photo = PhotoId("one", "ada" if "{owner}" in template else "")
    assert Keys(template).photo(Keys(template).result(photo)) == photo


FIXED = st.sampled_from(
    [
        ":",
        "-",
        ".",
        "_",
        "/",
        "@",
        "",
        "a",
        "-a-",
        ":a",
        "a:",
        "seen",
        "seen:",
        "seen@",
        "photo:",
        ":tries:",
        ":clock",
    ]
)
FIELDS = st.sampled_from([("{image_id}",), ("{owner}", "{image_id}"), ("{image_id}", "{owner}")])
TAGS = st.sampled_from(["", "", "{t}", "{{owner}}", "{of-{owner}}"])
NAMES = [MESSAGE, "seen", "clock", "photo", "tries", "exact", "forgotten", "phash-1", "0", "a", "a-a"]


@st.composite
def accepted(draw: st.DrawFn) -> Keys:
    """Keys by a template that is accepted."""
    fields = [f"{field}{draw(FIXED)}" for field in draw(FIELDS)]
    template = f"{draw(TAGS)}{draw(FIXED)}{''.join(fields)}{draw(FIXED)}"
    try:
        return Keys(template)
    except ValueError:
        assume(False)
        raise


@st.composite
def pairs(draw: st.DrawFn) -> tuple[PhotoId, PhotoId]:
    """Two photos, whose names may be one text cut at two places."""
    between = draw(st.sampled_from(["", "-", ".", "_", "a", "-a-"]))
    words = draw(st.lists(st.sampled_from(NAMES), min_size=2, max_size=4))
    first, second = (
        PhotoId(between.join(words[:cut]), between.join(words[cut:]))
        for cut in (draw(st.integers(1, len(words) - 1)) for _ in range(2))
    )
    return draw(st.sampled_from([(first, second), (first, PhotoId(second.owner, second.image_id))]))


@given(accepted(), pairs())
def test_two_photos_never_share_a_key(keys: Keys, two: tuple[PhotoId, PhotoId]) -> None:
    one, other = two if keys.names_owner else (PhotoId(photo.image_id) for photo in two)
    assert (keys.result(one) == keys.result(other)) == (one == other)
    assert keys.photo(keys.result(one)) == one


@given(accepted())
def test_a_result_never_has_another_key_of_the_worker(keys: Keys) -> None:
    owners = NAMES if keys.names_owner else [""]
    results = {keys.result(PhotoId(name, owner)) for name in NAMES for owner in owners}
    others = {keys.tries(MESSAGE)}
    for index in map(keys.index, owners):
        others |= {index.clock, *index.buckets("phash-1:0000000000000000")}
        others |= {key(name) for key in (index.record, index.exact, index.forgotten) for name in NAMES}
    assert not results & others


@given(st.data(), st.booleans())
def test_a_template_made_from_another_key_of_the_worker_is_refused(data: st.DataObject, owned: bool) -> None:
    keys = Keys("r:{owner}:{image_id}" if owned else "r:{image_id}")
    index = keys.index("ada" if owned else "")
    of_photo = [index.record("one"), index.exact("0f"), index.forgotten("one"), keys.tries(MESSAGE)]
    key = data.draw(st.sampled_from([index.clock, *of_photo, *index.buckets("phash-1:0000000000000000")]))
    pieces = re.split("([:@])", key)
    places = data.draw(st.permutations(range(0, len(pieces), 2)))
    for place, field in zip(places, ["{image_id}", "{owner}"] if owned else ["{image_id}"], strict=False):
        kept = data.draw(st.integers(0, min(2, len(pieces[place]) - 1)))
        pieces[place] = pieces[place][:kept] + field
    with pytest.raises(ValueError, match="other things"):
        Keys("".join(pieces))
