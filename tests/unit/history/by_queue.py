"""Histories of photos that come by the queue: good ones, and good ones with one change, each with its complaint."""

from typing import Any

from tests.support.history.events import Asked, Deleted, Emptied, Event, Published, Put, Read
from tests.support.results import make_result
from worker.messages import PhotoId, S3Object
from worker.result import DuplicateOf, Result

ANNA, BERT = PhotoId("one", "anna"), PhotoId("one", "bert")
OTHER = PhotoId("two", "anna")
FOREIGN = PhotoId("three", "bert")


def key(photo: PhotoId) -> str:
    return f"{photo.owner}/{photo.image_id}"


def put(at: float, etag: str, photo: PhotoId = ANNA, version: str | None = None) -> Put:
    return Put(at, photo, S3Object("b", key(photo), version, etag))


def result(etag: str | None, photo: PhotoId = ANNA, **fields: Any) -> Result:
    return make_result(photo.image_id, owner=photo.owner, key=key(photo), etag=etag, **fields)


def published(at: float, etag: str | None, photo: PhotoId = ANNA, **fields: Any) -> Published:
    return Published(at, photo, result(etag, photo, **fields))


def copy_of(at: float, original: str, **fields: Any) -> Published:
    one = published(at, "e2")
    duplicate = DuplicateOf(image_id=original, distance=0, kind="exact")
    return Published(at, ANNA, one.result.model_copy(update={"duplicate_of": duplicate, **fields}))


BEGUN: list[Event] = [put(1, "e1"), Asked(2, ANNA), published(3, "e1")]
OVERWRITTEN: list[Event] = [*BEGUN, put(4, "e2"), published(6, "e2")]
GONE: dict[str, Any] = {"etag": None, "code": "object_gone"}

GOOD: dict[str, list[Event]] = {
    "scored": BEGUN,
    "overwritten": OVERWRITTEN,
    "only the last of two was scored": [put(1, "e1"), put(2, "e2"), Asked(3, ANNA), published(4, "e2")],
    "the same bytes again": [*OVERWRITTEN, put(7, "e1"), published(8, "e1")],
    "a failed photo replaced a score": [*BEGUN, put(4, "e2"), published(6, "e2", code="too_many_bytes")],
    "newer models": [*BEGUN, published(5, "e1", models="2")],
    "models that cannot be compared": [*BEGUN, published(5, "e1", models="next"), published(6, "e1")],
    "older models of newer content": [
        *BEGUN[:2],
        published(3, "e1", models="2"),
        put(4, "e2"),
        published(5, "e2"),
    ],
    "versions with the same bytes": [
        put(1, "e1", version="v1"),
        Asked(2, ANNA),
        published(3, "e1", version_id="v1"),
        put(4, "e1", version="v2"),
        published(5, "e1", version_id="v2"),
    ],
    "versioning suspended": [
        put(1, "e1", version="null"),
        Asked(2, ANNA),
        published(3, "e1", version_id="null"),
        put(4, "e2", version="null"),
        published(5, "e2", version_id="null"),
    ],
    "deleted before it was read": [*BEGUN[:2], Deleted(3, ANNA), published(4, **GONE)],
    "deleted, overwritten, deleted": [*BEGUN, put(4, "e2"), Deleted(5, ANNA), published(6, **GONE)],
    "the last one was deleted": [*BEGUN, put(4, "e2"), Deleted(5, ANNA)],
    "gone, but not an older version": [
        put(1, "e1", version="v1"),
        put(2, "e2", version="v2"),
        Asked(2, ANNA),
        Deleted(3, ANNA),
        published(4, "e2", code="object_gone"),
        published(5, "e1", version_id="v1"),
    ],
    "put back": [*BEGUN[:2], Deleted(3, ANNA), published(4, **GONE), put(5, "e1"), published(6, "e1")],
    "written again after the store lost it": [*BEGUN, Emptied(4), published(5, "e1")],
    "a reader got it in time": [*BEGUN, Read(0, 3.1, ANNA, result("e1"))],
    "a reader looked at what is there": [*OVERWRITTEN, Read(7, 7.1, ANNA, result("e2"))],
    "a reader got the older one just before": [*OVERWRITTEN, Read(5, 6.1, ANNA, result("e1"))],
    "nobody had it": [*BEGUN, Read(0, 2.9, ANNA, None)],
    "the store had lost it": [*BEGUN, Emptied(4), Read(4, 20, ANNA, None), published(21, "e1")],
    "one id of two owners": [*BEGUN, put(1, "x", BERT), Asked(2, BERT), published(3, "x", BERT)],
    "a copy of another of the owner's": [
        *BEGUN,
        put(1, "e2", OTHER),
        Asked(2, OTHER),
        published(3, "e2", OTHER),
        put(4, "e2"),
        copy_of(5, "two", reused_from="two"),
    ],
    "a copy of a photo that was forgotten": [*BEGUN, put(4, "e2"), copy_of(5, "unheard of")],
}

FOREIGNS: list[Event] = [put(1, "e2", FOREIGN), Asked(2, FOREIGN), published(3, "e2", FOREIGN)]

BAD: dict[str, tuple[list[Event], str]] = {
    "lost": ([put(1, "e1"), Asked(2, ANNA)], "it has no result"),
    "not the last PUT's": ([*BEGUN, put(4, "e2")], "not of its last PUT"),
    "not the last PUT's, which failed": (
        [*BEGUN[:2], published(3, "e1", code="empty_object"), put(4, "e2")],
        "not of its last PUT",
    ),
    "an older failure replaced a score": (
        [put(1, "e1"), put(2, "e2"), Asked(3, ANNA), published(4, "e2"), published(5, "e1", code="x")],
        "the result of PUT 2 was replaced by that of PUT 1",
    ),
    "a failure of nothing known": (
        [*BEGUN, published(5, None, code="too_many_bytes")],
        "content that nobody put there",
    ),
    "another key": ([*BEGUN, Published(5, ANNA, result("e1", BERT))], "content that nobody put there"),
    "before it was put": ([*BEGUN, published(3.5, "e2"), put(4, "e2")], "content that nobody put there"),
    "back to an older version": (
        [
            put(1, "e", version="v1"),
            put(2, "e", version="v2"),
            Asked(2, ANNA),
            published(3, "e", version_id="v2"),
            published(4, "e", version_id="v1"),
        ],
        "the result of PUT 2 was replaced by that of PUT 1",
    ),
    "null is no version": (
        [put(1, "e1", version="null"), Asked(2, ANNA), published(3, "e1"), put(4, "e2", version="null")],
        "not of its last PUT",
    ),
    "twice": ([*BEGUN, published(5, "e1")], "PUT 1 was published twice"),
    "a failure twice": (
        [*BEGUN[:2], published(3, "e1", code="x"), published(4, "e1", code="x")],
        "PUT 1 was published twice",
    ),
    "older models": ([*BEGUN[:2], published(3, "e1", models="10"), published(4, "e1", models="9")], "back"),
    "older models by the last digit": (
        [*BEGUN[:2], published(3, "e1", models=f"{2**53 + 1}"), published(4, "e1", models=f"{2**53}")],
        "models went back",
    ),
    "gone over a score": ([*BEGUN, Deleted(4, ANNA), published(5, **GONE)], "object_gone replaced the score"),
    "nobody asked": ([put(1, "e1"), published(3, "e1")], "nobody asked for"),
    "before anybody asked": ([put(1, "e1"), published(2, "e1"), Asked(3, ANNA)], "nobody asked for"),
    "a reader waited in vain": ([*BEGUN, Read(0, 20, ANNA, None)], "waited 17.0 s"),
    "a reader began when it was there": ([*BEGUN, Read(10, 20, ANNA, None)], "waited 10.0 s"),
    "a reader waited though it got it": ([*BEGUN, Read(0, 20, ANNA, result("e1"))], "waited 17.0 s"),
    "a reader was given an old one": ([*OVERWRITTEN, Read(7, 8, ANNA, result("e1"))], "had been replaced"),
    "a reader was given what nobody wrote": ([*BEGUN, Read(3, 4, ANNA, result("e7"))], "never published"),
    "written on another owner's channel": (
        [*BEGUN, Published(5, ANNA, result("e1", models="2").model_copy(update={"owner": "bert"}))],
        "was given a result of 'bert'",
    ),
    "read by another owner": (
        [*BEGUN, put(1, "x", BERT), Asked(2, BERT), published(3, "x", BERT), Read(4, 5, BERT, result("e1"))],
        "was given a result of 'anna'",
    ),
    "a copy of another owner's": (
        [*BEGUN, *FOREIGNS, put(4, "e2"), copy_of(5, "three")],
        "names three, a photo of another owner",
    ),
    "scores of another owner's": (
        [*BEGUN, *FOREIGNS, put(4, "e2"), copy_of(5, "one", reused_from="three")],
        "names three, a photo of another owner",
    ),
}
