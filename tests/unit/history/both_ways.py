"""Histories of photos that come by HTTP too: good ones, and bad ones, each with its complaint."""

from typing import Any

from tests.support.history.events import Answered, Asked, Broken, Emptied, Event, Published, Put, Sent
from tests.support.results import make_result
from worker.messages import PhotoId, S3Object
from worker.result import Result

ANNA = PhotoId("one", "anna")


def by_http(sha256: str, **fields: Any) -> Result:
    way = {"bucket": None, "key": None, "etag": sha256, "sha256": sha256, "via": "http"}
    return make_result("one", owner="anna", **{**way, **fields})


def by_queue(sha256: str, **fields: Any) -> Result:
    return make_result(
        "one", owner="anna", **{"key": "one", "etag": f"md5-{sha256}", "sha256": sha256, **fields}
    )


def put(at: float, sha256: str) -> Put:
    return Put(at, ANNA, S3Object("b", "one", None, f"md5-{sha256}", sha256=sha256))


def published(at: float, result: Result) -> Published:
    return Published(at, ANNA, result)


def sent(at: float, sha256: str, request: str = "r1") -> Sent:
    return Sent(at, ANNA, request, sha256)


def answered(at: float, found: Result | None, request: str = "r1", code: str = "") -> Answered:
    return Answered(at, ANNA, request, code, found)


def told(begun: float, at: float, found: Result, request: str = "r1") -> Answered:
    """What a client heard at some moment since it began."""
    return Answered(at, ANNA, request, "", found, begun)


FIRST: list[Event] = [sent(1, "s"), published(2, by_http("s")), answered(2, by_http("s"))]
QUEUE: list[Event] = [put(1, "s"), Asked(2, ANNA), published(3, by_queue("s", sequencer="0A"))]

GOOD: dict[str, list[Event]] = {
    "sent": FIRST,
    "sent twice": [*FIRST, sent(3, "s", "r2"), answered(4, by_http("s"), "r2")],
    "refused": [sent(1, "s"), answered(2, None, code="model_trouble")],
    "a worker was killed": [sent(1, "s"), Broken(2, ANNA, "r1")],
    "killed after the write": [*FIRST[:2], Broken(2, ANNA, "r1")],
    "other bytes are refused": [*FIRST, sent(3, "t", "r2"), answered(4, None, "r2", "overtaken")],
    "by the queue before": [*QUEUE, sent(4, "s"), answered(5, by_queue("s", sequencer="0A"))],
    "with a later event's sequencer": [*QUEUE, sent(4, "s"), answered(5, by_queue("s", sequencer="0B"))],
    "both ways, first by HTTP": [*FIRST, put(1, "s"), Asked(3, ANNA)],
    "newer models, by HTTP": [
        *QUEUE,
        sent(4, "s"),
        published(5, by_http("s", models="2")),
        answered(5, by_http("s", models="2")),
    ],
    "what is put into the bucket replaces it": [
        *FIRST,
        put(3, "t"),
        Asked(4, ANNA),
        published(5, by_queue("t")),
    ],
    "replaced in the same write": [
        sent(1, "s"),
        put(1, "t"),
        Asked(1, ANNA),
        published(2, by_http("s")),
        published(2, by_queue("t")),
        answered(2, by_http("s")),
    ],
    "it took the place of what was gone": [
        put(1, "s"),
        Asked(2, ANNA),
        published(3, by_queue("", etag=None, code="object_gone")),
        sent(4, "s"),
        published(5, by_http("s")),
        answered(5, by_http("s")),
    ],
    "a client heard of it before others did": [
        sent(1, "s"),
        told(1, 2, by_http("s")),
        published(3, by_http("s")),
    ],
    "replaced before its client heard of it": [
        *FIRST[:2],
        put(3, "t"),
        Asked(4, ANNA),
        published(5, by_queue("t")),
        told(1, 6, by_http("s")),
    ],
    "written again after the store lost it": [
        *FIRST,
        Emptied(3),
        sent(4, "t", "r2"),
        published(5, by_http("t")),
        answered(5, by_http("t"), "r2"),
    ],
}

BAD: dict[str, tuple[list[Event], str]] = {
    "no answer": ([sent(1, "s")], "r1 was accepted and never answered"),
    "no answer, though it is written": (FIRST[:2], "r1 was accepted and never answered"),
    "two answers": ([*FIRST, answered(3, None, code="stopping")], "r1 was answered 2 times"),
    "an answer to nobody": ([*FIRST, answered(3, None, "r2", "stopping")], "r2 was answered, but never"),
    "other bytes' result": (
        [*FIRST, sent(3, "t", "r2"), answered(4, by_http("s"), "r2")],
        "given the result of other bytes",
    ),
    "not what is stored": (
        [*FIRST[:2], answered(2, by_http("s", models="2"))],
        "given what was not stored then",
    ),
    "not yet stored": ([sent(1, "s"), answered(2, by_http("s"))], "given what was not stored then"),
    "no more stored": (
        [*FIRST[:2], put(3, "t"), Asked(4, ANNA), published(5, by_queue("t")), answered(6, by_http("s"))],
        "given what was not stored then",
    ),
    "replaced before its client asked": (
        [
            *FIRST,
            put(3, "t"),
            Asked(4, ANNA),
            published(5, by_queue("t")),
            sent(6, "s", "r2"),
            told(6, 7, by_http("s"), "r2"),
        ],
        "given what was not stored then",
    ),
    "told what nobody wrote": ([sent(1, "s"), told(1, 2, by_http("s"))], "given what was not stored then"),
    "nobody sent it": ([*FIRST, published(3, by_http("t"))], "bytes that nobody sent"),
    "other bytes replaced it": (
        [*FIRST, sent(3, "t", "r2"), published(4, by_http("t")), answered(4, by_http("t"), "r2")],
        "the result of other bytes was replaced",
    ),
    "other bytes replaced the queue's": (
        [*QUEUE, sent(4, "t"), published(5, by_http("t")), answered(5, by_http("t"))],
        "the result of other bytes was replaced",
    ),
    "twice, once for each way": (
        [*FIRST, put(1, "s"), Asked(3, ANNA), published(4, by_queue("s"))],
        "published twice, once for each way",
    ),
    "twice by HTTP": ([*FIRST, published(3, by_http("s"))], "published twice, once for each way"),
    "older models": (
        [*FIRST[:1], published(2, by_http("s", models="2")), published(3, by_http("s")), *FIRST[2:]],
        "models went back",
    ),
    "not the last PUT's": ([*FIRST, put(3, "t"), Asked(4, ANNA)], "not of its last PUT"),
    "back to an earlier PUT": (
        [
            put(1, "s"),
            put(2, "t"),
            Asked(2, ANNA),
            published(3, by_queue("t")),
            sent(4, "t"),
            published(5, by_http("t", models="2")),
            answered(5, by_http("t", models="2")),
            published(6, by_queue("s")),
        ],
        "the result of PUT 2 was replaced by that of PUT 1",
    ),
}
