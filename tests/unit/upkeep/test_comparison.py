"""Tests of comparing two services: what counts as agreement, and what cannot be compared."""

import json

import pytest

from worker.messages import PhotoId
from worker.results.redis_keys import Keys
from worker.upkeep.comparison import Lot, compare


def result_json(score: object) -> str:
    return json.dumps({"score": score, "status": "scored"})


def test_scores_are_counted_in_pairs_and_the_photos_that_differ_most_are_named() -> None:
    lot: Lot = [
        (PhotoId("a"), result_json(4), result_json(4)),
        (PhotoId("b"), result_json(3.6), result_json(4)),
        (PhotoId("c"), result_json(3), result_json(4)),
        (PhotoId("d"), result_json(1), result_json(5)),
        (PhotoId("e"), result_json(None), result_json(2)),
        (PhotoId("f"), result_json(None), result_json(None)),
    ]
    found = compare([lot[:3], lot[3:]])
    assert found.compared == 6
    assert found.pairs[4, 4] == 2
    assert found.pairs[None, 2] == 1
    assert (found.share_within(0), found.share_within(1)) == (3 / 6, 4 / 6)
    assert [tuple(one[1:]) for one in found.furthest] == [("e", None, 2), ("d", 1, 5), ("c", 3, 4)]


def test_photos_of_two_owners_may_have_one_id() -> None:
    lot: Lot = [
        (PhotoId("a", "ada"), result_json(None), result_json(4)),
        (PhotoId("a", "bob"), result_json(3), result_json(None)),
    ]
    assert len(compare([lot]).furthest) == 2


def test_the_other_score_may_be_nested() -> None:
    found = compare([[(PhotoId("a"), '{"result": {"rating": 5}}', result_json(5))]], "result.rating")
    assert found.share_within(0) == 1


UNREADABLE = ["", "no JSON", "[]", "{}", "3", "[" * 100_000]
NO_NUMBERS = ['{"score": "four"}', '{"score": true}', '{"score": 1e999}', '{"score": NaN}']


@pytest.mark.parametrize("theirs", [*UNREADABLE, *NO_NUMBERS])
def test_unreadable_values_are_counted_and_not_compared(theirs: str) -> None:
    found = compare([[(PhotoId("a"), theirs, result_json(4)), (PhotoId("b"), result_json(4), None)]])
    assert (found.compared, found.unreadable, found.missing) == (0, 1, 1)


@pytest.mark.parametrize(
    ("template", "photo"),
    [
        ("old:{image_id}", PhotoId("a-b")),
        ("{photos}:result:{image_id}", PhotoId("a-b")),
        ("{{owner}}:result:{image_id}", PhotoId("a-b", "mia")),
        ("of:{owner}:{image_id}:by:{owner}", PhotoId("a-b", "mia")),
        ("a*b[c]?:{image_id}", PhotoId("a-b")),
    ],
)
def test_the_key_of_a_result_can_be_read_back(template: str, photo: PhotoId) -> None:
    keys = Keys(template)
    assert keys.photo(keys.result(photo)) == photo
    assert keys.photo("something:else") is None


def test_a_pattern_matches_only_its_own_keys() -> None:
    assert Keys("a*b[c]:{image_id}").glob == r"a\*b\[c\]:*"
    assert Keys("{{owner}}:result:{image_id}").glob == "{*}:result:*"
