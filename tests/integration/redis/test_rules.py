"""Which of two results of a photo stays: the script on a real Valkey against its twin in Python, and by name."""

from collections.abc import Sequence
from typing import Any

import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.integration.redis.photos import connect
from tests.support.overtaken import answer_to, as_written, in_order
from tests.support.results import another_try
from tests.support.results import make_result as result
from worker.adapters.redis.store import RedisStore
from worker.messages import Answer, PhotoId, S3Object
from worker.result import Result
from worker.results.known import state


@pytest.fixture(scope="module")
def store(url: str) -> RedisStore:
    return connect(url, window=0)


@pytest.fixture
def _empty(store: RedisStore) -> None:
    store.nodes.client.flushdb()


FAILURES = ["object_gone", "object_archived", "unreadable_image", "too_costly"]
KINDS: list[dict[str, Any]] = [  # the same content, nothing known of it, other content
    {"models": "2"},
    {"models": "2", "sequencer": "0B"},
    {"etag": None},
    {"etag": None, "sequencer": "0B"},
    {"etag": "f"},
    {"etag": "f", "sequencer": "0B"},
]
NEVER_IN_S3: dict[str, Any] = {"bucket": None, "key": None, "via": "http"}
BOTH_WAYS = [  # by the queue; by HTTP; by HTTP and then stored in S3
    *(
        result(code=code, models=models, etag=etag, sha256=sha256, **way)
        for way in ({}, NEVER_IN_S3, {"via": "http"})
        for code in ("", "unreadable_image", "object_gone")
        for models in ("1", "2")
        for etag, sha256 in (("s", "s"), ("e", "s"), ("f", "t"), (None, None))
    )
]
PAIRS = [
    (result(), result()),
    (result(), result(etag="f")),
    (result(), result(key="other")),
    (result(), result(bucket="other")),
    (result(), result(models="2")),
    (result(models="2"), result()),
    (result(models="10"), result(models="9")),
    (result(models="9"), result(models="10")),
    (result(models="9007199254740993"), result(models="9007199254740992")),  # 2^53 + 1, 2^53
    (result(models="9007199254740992"), result(models="9007199254740993")),
    (result(models="1" * 5000), result(models="2")),
    (result(models="010"), result(models="9")),
    (result(models="9"), result(models="0")),
    (result(models="0"), result(models="00")),
    (result(models="next"), result()),
    (result(), result(models="next")),
    (result(models="02"), result(models="2")),
    (result(models={"m": "1", "n": "1"}), result(models={"m": "1"})),
    (result(models={"m": "1"}), result(models={"m": "1", "n": "1"})),
    (result(models={"m": "2", "n": "1"}), result(models={"m": "1", "n": "1"})),
    (result(models={"m": "2", "n": "1"}), result(models={"m": "1", "n": "2"})),
    (result(version_id="v1"), result(version_id="v1", etag="f")),
    (result(version_id="v1"), result(version_id="v2")),
    (result(version_id="v1"), result()),
    (result(version_id="null"), result(version_id="null", etag="f")),  # versioning suspended
    (result(version_id="null"), result(version_id="null")),
    (result(version_id="null", etag=None), result(version_id="null", etag=None)),
    (result(version_id="null"), result(version_id="v1", etag="f")),
    (result(version_id="v1"), result(version_id="null", etag="f")),
    (result(sequencer="0A"), result(sequencer="0A1", etag="f")),
    (result(sequencer="0A1"), result(sequencer="0a", etag="f")),
    (result(sequencer="0A10"), result(sequencer="0A1", etag="f")),
    (result(sequencer="0A1"), result(sequencer="0A2")),
    (result(sequencer="0A1"), result(sequencer="0a10", etag="f")),
    (result(sequencer="0A1", version_id="v1"), result(sequencer="0A1")),
    (result(sequencer="0A1"), result(etag="f")),
    (result(code="unreadable_image"), result()),
    (result(code="object_gone", etag=None), result()),
    (result(code="object_gone"), result()),
    (result(code="object_gone"), result(code="unreadable_image")),  # it was back, or restored
    (result(code="object_archived"), result(code="unreadable_image")),
    *((result(), result(code=code, **kind)) for code in FAILURES for kind in KINDS),
    *((result(sequencer="0A"), result(code=code, **kind)) for code in FAILURES for kind in KINDS),
    *((result(code=old), result(code=new, **kind)) for old in FAILURES for new in FAILURES for kind in KINDS),
    (result(etag=None), result(etag=None)),
    (result(), result(sequencer="0A1")),  # a direct request, and S3's notification of the same bytes
    (result(sequencer="0A1"), result()),
    (result(version_id="v1"), result(version_id="v1", sequencer="0A1")),
    (result(version_id="v2"), result(version_id="v1", sequencer="0A1")),
    (result(sequencer="0A1", etag="f"), result()),
    (result(etag="f"), result(sequencer="0A1")),
    *((old, new) for old in BOTH_WAYS for new in BOTH_WAYS),
]


SEEN = ["", state(result()), state(result(sequencer="0A")), "of another result "]


def test_the_script_follows_the_rules(store: RedisStore) -> None:
    check_all(store, [(old, new, seen) for old, new in PAIRS for seen in SEEN])


RESULTS = st.builds(
    result,
    code=st.sampled_from(["", "", *FAILURES]),
    models=st.sampled_from(["1", "2", "10", "next", "9007199254740993", "9007199254740992"]),
    key=st.sampled_from(["k", "k", "k", "other"]),
    etag=st.sampled_from([None, "e", "f"]),
    version_id=st.sampled_from([None, "null", "v1", "v2"]),
    sequencer=st.sampled_from([None, "0A", "0a1", "0B"]),
    via=st.sampled_from(["queue", "queue", "http"]),
    sha256=st.sampled_from([None, "s", "t"]),
)


@settings(max_examples=40)
@given(st.lists(st.tuples(RESULTS, RESULTS, st.sampled_from(SEEN)), min_size=100, max_size=100))
def test_the_script_follows_the_rules_for_any_two_results(
    store: RedisStore, cases: list[tuple[Result, Result, str]]
) -> None:
    check_all(store, cases)


def check_all(store: RedisStore, cases: Sequence[tuple[Result, Result, str]]) -> None:
    """Write the first result of each case, then the second, and compare the answers with the twin's."""
    store.nodes.client.flushdb()
    olds = [old.model_copy(update={"image_id": str(n)}) for n, (old, _, _) in enumerate(cases)]
    news = [another_try(new).model_copy(update={"image_id": str(n)}) for n, (_, new, _) in enumerate(cases)]
    seen = [case[2] for case in cases]
    assert {written.answer for written in store.write(olds, seen)} == {Answer.WRITTEN}
    expected = [answer_to(*case) for case in zip(olds, news, seen, strict=True)]
    answers = [written.answer for written in store.write(news, seen)]
    assert [
        case for case in zip(olds, news, seen, answers, expected, strict=True) if case[3] != case[4]
    ] == []
    stored = store.find([PhotoId(str(n)) for n in range(len(cases))])
    stays = [
        as_written(old, new)
        if answer is Answer.WRITTEN
        else in_order(old, new.source)
        if answer is Answer.KNOWN
        else old
        for old, new, answer in zip(olds, news, expected, strict=True)
    ]
    assert stored == stays


@pytest.mark.usefixtures("_empty")
@pytest.mark.parametrize("code", FAILURES)
@pytest.mark.parametrize("kind", KINDS[:3])
@pytest.mark.parametrize("first", ["scored", "failed"])
def test_a_failure_never_takes_the_place_of_a_score_of_the_same_content(
    store: RedisStore, code: str, kind: dict[str, Any], first: str
) -> None:
    scored, failed = result(), result(code=code, **kind)
    for one in [scored, failed] if first == "scored" else [failed, scored]:
        store.write([one], [state(result())])
    assert [one and one.status for one in store.find([PhotoId("one")])] == ["scored"]


@pytest.mark.usefixtures("_empty")
@pytest.mark.parametrize("code", FAILURES)
def test_a_failure_of_other_content_replaces_a_score(store: RedisStore, code: str) -> None:
    store.write([result(sequencer="0A")], [""])
    newer = result(code=code, etag="f", sequencer="0B")
    assert store.write([newer], [state(result())])[0].answer is Answer.WRITTEN


@pytest.mark.usefixtures("_empty")
@pytest.mark.parametrize("sequencer", ["0A", "0a0"])
def test_a_slow_result_of_other_content_with_the_same_sequencer_is_overtaken(
    store: RedisStore, sequencer: str
) -> None:
    """LocalStack gives all events one sequencer."""
    store.write([result(sequencer="0A")], [""])
    slow = result(sequencer=sequencer, etag="f")
    assert store.write([slow], [""])[0].answer is Answer.OVERTAKEN
    assert store.find([PhotoId("one")]) == [result(sequencer="0A")]


@pytest.mark.usefixtures("_empty")
@pytest.mark.parametrize("code", FAILURES)
def test_the_same_failure_is_written_and_published_once(store: RedisStore, url: str, code: str) -> None:
    client: Any = redis.Redis.from_url(url)
    with client.pubsub() as messages:
        messages.subscribe("result:one")
        assert messages.get_message(timeout=5)
        for kind in ({}, {"sequencer": "0A"}, {"etag": None}, {"models": "2"}):
            store.write([another_try(result(code=code, **kind))], [state(result())])
        published = [messages.get_message(timeout=0.2) for _ in range(3)]
    assert [message is not None for message in published] == [True, False, False]


@pytest.mark.usefixtures("_empty")
@pytest.mark.parametrize(
    ("newest", "seen"), [(result(etag="f"), state(result())), (result(models="2"), "of another result ")]
)
def test_of_two_uploads_with_versioning_suspended_the_newest_stays(
    store: RedisStore, newest: Result, seen: str
) -> None:
    """Earlier workers stored S3's name of such versions."""
    store.write([result()], [""])
    client: Any = store.nodes.client
    client.set("result:one", client.get("result:one").replace('"version_id":null', '"version_id":"null"'))
    assert store.find([PhotoId("one")]) == [result()]
    assert store.write([newest], [seen])[0].answer is Answer.WRITTEN
    assert store.find([PhotoId("one")]) == [newest]


def test_a_result_whose_content_is_put_again_has_the_later_sequencer(store: RedisStore) -> None:
    client: Any = store.nodes.client
    client.flushdb()
    one = result(sequencer="0A", models={"sequencer": "1", "source": "2"})
    unordered = result("two", key='"sequencer":null', etag="f")
    store.write([one, unordered], ["", ""])
    client.expire("result:one", 7)
    for etag, sequencer, noted in [
        ("e", "0B", "0B"),
        ("e", "0A", "0B"),
        ("e", None, "0B"),
        ("f", "0C", "0B"),
    ]:
        event = S3Object("b", "k", None, etag, None, sequencer)
        assert store.note_order(PhotoId("one"), event) is (etag == "e")
        assert store.find([PhotoId("one")]) == [in_order(one, S3Object("b", "k", None, "e", None, noted))]
    assert 0 < client.ttl("result:one") <= 7
    event = S3Object("b", unordered.source.key or "", None, "f", None, "0B")
    assert store.note_order(PhotoId("two"), event)
    assert store.find([PhotoId("two")]) == [in_order(unordered, event, surely=True)]


@pytest.mark.parametrize(
    "foreign", [None, b"\xff", b"{}", b'{"source": {"bucket": "b", "key": "k", "etag": "e"}}']
)
def test_what_is_not_a_result_of_this_content_is_left_alone(store: RedisStore, foreign: bytes | None) -> None:
    client: Any = store.nodes.client
    client.flushdb()
    if foreign is not None:
        client.set("result:one", foreign)
    else:
        client.lpush("result:one", "x")
    before = client.dump("result:one")
    assert not store.note_order(PhotoId("one"), S3Object("b", "k", None, "e", None, "0B"))
    assert client.dump("result:one") == before


# one photo, two ways

BY_QUEUE = result(etag="an ETag", sha256="s", sequencer="0A")
BY_HTTP = result(etag="s", sha256="s", **NEVER_IN_S3)


@pytest.mark.parametrize(
    ("stored", "new", "expected"),
    [
        (BY_QUEUE, BY_HTTP, Answer.KNOWN),
        (BY_HTTP, BY_QUEUE, Answer.KNOWN),
        (BY_HTTP, BY_HTTP, Answer.KNOWN),
        (BY_HTTP, result(etag="t", sha256="t", **NEVER_IN_S3), Answer.OVERTAKEN),
        (BY_QUEUE, result(etag="t", sha256="t", **NEVER_IN_S3), Answer.OVERTAKEN),
        (BY_HTTP, result(code="object_gone", etag=None), Answer.KNOWN),
        (BY_HTTP, result(models="2", etag="e", sha256="s", sequencer="0A"), Answer.WRITTEN),
        (BY_HTTP, result(models="2", etag="s", sha256="s", **NEVER_IN_S3), Answer.WRITTEN),
        (BY_QUEUE, result(models="2", etag="s", sha256="s", **NEVER_IN_S3), Answer.WRITTEN),
        (result(etag="v", sha256="s", via="http"), result(etag="w", sha256="s", via="http"), Answer.KNOWN),
    ],
)
@pytest.mark.usefixtures("_empty")
def test_the_same_bytes_are_one_result_whichever_way_they_come(
    store: RedisStore, stored: Result, new: Result, expected: Answer
) -> None:
    store.write([stored], [""])
    (written,) = store.write([another_try(new)], [""])
    assert written.answer is expected
    if expected is Answer.KNOWN:
        assert written.stored == store.find([PhotoId("one")])[0] == stored


@pytest.mark.parametrize("stored", [BY_QUEUE, BY_HTTP, result(etag="s", sha256="s", via="http")])
@pytest.mark.parametrize("way", [NEVER_IN_S3, {"via": "http"}])
@pytest.mark.usefixtures("_empty")
def test_by_http_nobody_replaces_other_content(
    store: RedisStore, stored: Result, way: dict[str, Any]
) -> None:
    store.write([stored], [""])
    for seen in ("", state(stored)):
        other = result(etag="t", sha256="t", **way)
        assert store.write([other], [seen])[0].answer is Answer.OVERTAKEN


@pytest.mark.parametrize("way", [NEVER_IN_S3, {"via": "http"}])
@pytest.mark.parametrize("new_code", ["", "unreadable_image"])
@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("object_gone", Answer.WRITTEN),
        ("object_archived", Answer.WRITTEN),
        ("unreadable_image", Answer.OVERTAKEN),
        ("too_costly", Answer.OVERTAKEN),
    ],
)
@pytest.mark.usefixtures("_empty")
def test_by_http_a_photo_replaces_an_object_that_could_not_be_read_and_no_lasting_failure(
    store: RedisStore, code: str, expected: Answer, new_code: str, way: dict[str, Any]
) -> None:
    store.write([result(code=code, etag="gone", sequencer="0A")], [""])
    new = result(code=new_code, etag="t", sha256="t", **way)
    assert store.write([new], [""])[0].answer is expected
    assert (store.find([PhotoId("one")]) == [new]) == (expected is Answer.WRITTEN)


# with all that could be taken for the end of a source, or for its beginning
ODD_KEY = 'a/b} "via":"http"}, "source":{"sequencer":1}, ü/%1'


@pytest.mark.parametrize("window", [0, 60])
@pytest.mark.parametrize(
    "stored",
    [
        result(etag="an ETag", sha256="s", sequencer="0A", version_id="v", key=ODD_KEY),
        result(etag="an ETag", sha256="s", via="http", code="too_costly"),
    ],
    ids=["by the queue", "by HTTP, stored in S3"],
)
@pytest.mark.parametrize("way", [NEVER_IN_S3, {"via": "http", "key": ODD_KEY}])
def test_newer_models_score_a_photo_once_more_by_http_and_it_stays_the_object_that_it_was(
    url: str, stored: Result, way: dict[str, Any], window: int
) -> None:
    store, client = connect(url, window=window), redis.Redis.from_url(url)
    client.flushdb()
    store.write([result("original", etag="an ETag", sha256="s")], [""])
    store.write([stored], [""])
    new = another_try(result(models={"source": "2"}, etag="s", sha256="s", **way))
    new = new.model_copy(update={"reused_from": 'x"source":{"via":"http"}'})
    with client.pubsub() as messages:  # type: ignore[no-untyped-call] # redis-py leaves it untyped
        messages.subscribe("result:one")
        assert messages.get_message(timeout=5)
        (written,) = store.write([new], [""])
        published = messages.get_message(timeout=5)
    (found,) = store.find([PhotoId("one")])
    assert found == written.stored == Result.model_validate_json(published["data"])
    assert found.source == stored.source
    assert found.model_copy(update={"source": new.source, "duplicate_of": None}) == new
    assert found.duplicate_of == written.duplicate_of
    assert (found.duplicate_of is not None) == (window > 0)
    (again,) = store.write([new], [""])  # as when the answer was lost
    assert (again.answer, again.stored) == (Answer.WRITTEN, found)
    assert store.note_order(
        PhotoId("one"), S3Object("b", stored.source.key or "", "v", "an ETag", None, "0B")
    )
    (later,) = store.find([PhotoId("one")])
    assert later
    assert later.source.sequencer == "0B"


@pytest.mark.usefixtures("_empty")
def test_newer_models_score_a_photo_once_more_by_the_queue_and_its_source_is_the_object(
    store: RedisStore,
) -> None:
    """Later events of the object are compared with it."""
    store.write([BY_HTTP], [""])
    newer = result(models="2", etag="an ETag", sha256="s", sequencer="0A")
    assert store.write([newer], [""])[0].answer is Answer.WRITTEN
    assert store.find([PhotoId("one")]) == [newer]


@pytest.mark.usefixtures("_empty")
def test_what_is_in_s3_replaces_what_came_by_http_once_that_was_looked_up(store: RedisStore) -> None:
    """Before, it may be the older one: then what the bucket has now is read."""
    store.write([BY_HTTP], [""])
    other = result(etag="other", sha256="t", sequencer="0B")
    assert store.write([other], [""])[0].answer is Answer.OVERTAKEN
    assert store.write([other], [state(BY_HTTP)])[0].answer is Answer.WRITTEN


@pytest.mark.usefixtures("_empty")
def test_a_write_whose_answer_was_lost_tells_what_is_stored(store: RedisStore) -> None:
    store.write([BY_HTTP], [""])
    later = BY_HTTP.model_copy(update={"scored_at": "2026-01-02T00:00:00.000Z"})
    (written,) = store.write([later], [""])
    assert (written.answer, written.stored) == (Answer.WRITTEN, BY_HTTP)
