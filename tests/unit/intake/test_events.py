"""Bodies as S3, SNS, EventBridge, the API and emulators send them: what they announce, which are refused."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from time import tzset
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.errors import ForeignBucketError, NoImageIdError, NotOursError, UnknownBodyError
from worker.intake import events
from worker.intake.events import Announced, Ignored
from worker.messages import S3Object
from worker.settings import UUID_SEGMENT

BODIES = Path(__file__).parents[2] / "data" / "events"
ID = "3f0e8a52-6a0f-4c11-9f0e-0a1b2c3d4e5f"
ETAG = "b2c1f2a8e3d94c6ab2a4d1e6f0c9a7b5"
SEQUENCER = "0067750C01F9A3B27E"
UPLOADED = datetime(2026, 1, 1, 8, 15, 30, 125_000, UTC)
WHOLE_SECOND = UPLOADED.replace(microsecond=0)


def body(name: str) -> str:
    return (BODIES / f"{name}.json").read_text(encoding="utf-8")


def read_upload(text: str) -> Announced:
    """What a body with a single upload announces."""
    (record,) = events.read(text)
    assert isinstance(record, Announced), record
    return record


def refusal(text: str) -> str:
    """Why a body is refused as a whole."""
    (record,) = events.read(text)
    assert isinstance(record, UnknownBodyError), record
    return str(record)


def notification(record: Mapping[str, Any] | None = None, **stored: Any) -> str:
    """The plain S3 notification with some fields of its record or object replaced."""
    whole = json.loads(body("s3-put"))
    whole["Records"][0]["s3"]["object"] |= stored
    whole["Records"][0] |= record or {}
    return json.dumps(whole)


def direct(**fields: Any) -> str:
    return json.dumps({"bucket": "photos", "key": f"{ID}.jpg", **fields})


def test_every_fixture_is_used() -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    assert [path.stem for path in BODIES.glob("*.json") if f'"{path.stem}"' not in source] == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("s3-put", S3Object("photos", "red flower.jpg", None, ETAG, 104_681, SEQUENCER)),
        ("s3-post", S3Object("photos", f"uploads/{ID}.jpg", None, ETAG, 104_681, SEQUENCER)),
        ("s3-copy", S3Object("photos", "Müsli & Brötchen/☕.jpg", None, ETAG, 104_681, SEQUENCER)),
        (
            "s3-complete-multipart-upload",
            S3Object(
                "photos",
                f"uploads/{ID}.heic",
                None,
                "9b2cf535f27731c974343645a3985328-2",
                11_534_336,
                SEQUENCER,
            ),
        ),
        (
            "s3-put-versioned",
            S3Object("photos", "a+b c%20d.png", "tQ0pXb7kKZ9mVhYc1LrWfGdSjE2uN4oA", ETAG, 104_681, SEQUENCER),
        ),
        (
            "s3-put-empty",
            S3Object("photos", "uploads/", None, "d41d8cd98f00b204e9800998ecf8427e", 0, SEQUENCER),
        ),
        (
            "s3-put-without-sequencer",
            S3Object("photos", f"uploads/{ID}.jpg", None, "5d41402abc4b2a76b9719d911017c592", 5, None),
        ),
        ("sns-put", S3Object("photos", "red flower.jpg", None, ETAG, 104_681, SEQUENCER)),
        (
            "localstack-put",
            S3Object("photos", "uploads/red flower.jpg", None, ETAG, 104_681, "0055AED6DCD90281E5"),
        ),
        ("moto-put", S3Object("photos", "uploads/red flower.jpg", None, ETAG, 104_681, None)),
    ],
)
def test_an_s3_notification_gives_the_object_with_its_key_decoded(name: str, expected: S3Object) -> None:
    assert read_upload(body(name)) == Announced(expected, UPLOADED)


def test_minio_writes_whole_seconds_and_prefixes_the_event() -> None:
    stored = S3Object("photos", "uploads/red flower.jpg", None, ETAG, 104_681, "18868A1C5C6B7D2E")
    assert read_upload(body("minio-put")) == Announced(stored, WHOLE_SECOND)


def test_an_eventbridge_event_gives_the_key_unchanged() -> None:
    stored = S3Object(
        "photos", "a+b c%20d/ü.jpg", "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e", ETAG, 104_681, SEQUENCER
    )
    assert read_upload(body("eventbridge-created")) == Announced(stored, WHOLE_SECOND.replace(second=31))


def test_an_emulated_eventbridge_event_may_have_unix_time_and_another_spelling_of_the_etag() -> None:
    stored = S3Object("photos", "uploads/red flower.jpg", None, ETAG, 104_681)
    moment = datetime(2026, 1, 1, 8, 15, 31, 250_000, UTC)
    assert read_upload(body("moto-eventbridge")) == Announced(stored, moment)


def test_a_direct_request_gives_the_key_unchanged_and_its_image_id() -> None:
    stored = S3Object("photos", "a+b c%20d/ü.jpg", "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e", ETAG)
    assert read_upload(body("direct-request")) == Announced(stored, WHOLE_SECOND, ID)


def test_a_direct_request_needs_no_more_than_bucket_and_key() -> None:
    stored = S3Object("photos", f"uploads/{ID}.jpg")
    assert read_upload(body("direct-request-shortest")) == Announced(stored, None, None)


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("s3-test-event", "s3:TestEvent"),
        ("sns-test-event", "s3:TestEvent"),
        ("moto-test-event", "s3:TestEvent"),
        ("s3-object-removed", "ObjectRemoved:Delete"),
        ("s3-delete-marker", "ObjectRemoved:DeleteMarkerCreated"),
        ("s3-tagging", "ObjectTagging:Put"),
        ("eventbridge-deleted", "Object Deleted"),
    ],
)
def test_an_event_that_is_no_upload_is_ignored_by_name(name: str, what: str) -> None:
    assert events.read(body(name)) == [Ignored(what)]


def test_records_keep_their_order() -> None:
    first, second, third = events.read(body("s3-several-records"))
    assert isinstance(first, Announced)
    assert isinstance(second, Announced)
    assert [first.object.key, second.object.key] == ["one.jpg", "two.jpg"]
    assert third == Ignored("ObjectRemoved:Delete")


def test_one_bad_record_does_not_cost_its_neighbours() -> None:
    first, second, third = events.read(body("s3-one-bad-among-good"))
    assert isinstance(first, Announced)
    assert isinstance(second, UnknownBodyError)
    assert isinstance(third, Announced)


@pytest.mark.parametrize("version", ["2.0", "2.1", "2.2", "2.3", "2.4", "2.5", "2.6", "2.41", "2.1.1", "2"])
def test_minor_versions_may_grow(version: str) -> None:
    record = {"eventVersion": version, "somethingNew": {"of": ["any", "kind"]}}
    assert read_upload(notification(record)) == read_upload(body("s3-put"))


@pytest.mark.parametrize("version", ["3.0", "1.0", "20.1", "", "two", None])
def test_another_major_version_is_refused(version: str | None) -> None:
    assert "event version" in refusal(notification({"eventVersion": version}))


@pytest.mark.parametrize(
    "event", ["Put", "Post", "Copy", "CompleteMultipartUpload", "SomethingToCome", "CompleteMultipartUpload2"]
)
def test_any_kind_of_creation_is_an_upload(event: str) -> None:
    assert read_upload(notification({"eventName": f"ObjectCreated:{event}"})) == read_upload(body("s3-put"))


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=200))
def test_a_key_survives_the_form_encoding_of_a_notification(key: str) -> None:
    encoded = "".join(
        "+" if byte == 0x20 else chr(byte) if chr(byte).isalnum() and byte < 128 else f"%{byte:02X}"
        for byte in key.encode()
    )
    assert read_upload(notification(key=encoded)).object.key == key


def test_a_double_encoded_key_is_decoded_once() -> None:
    assert read_upload(notification(key="a%252Bb%2520c.jpg")).object.key == "a%2Bb%20c.jpg"


@pytest.mark.parametrize("etag", [ETAG, "XaX"])
def test_quotes_around_an_etag_are_no_part_of_it(etag: str) -> None:
    assert read_upload(notification(eTag=f'"{etag}"')).object.etag == etag


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("size", -1),
        ("size", "5"),
        ("size", 1.5),
        ("size", True),
        ("sequencer", "not hex"),
        ("sequencer", 17),
        ("sequencer", ""),
        ("sequencer", "0" * 65),
        ("eTag", None),
        ("eTag", ""),
        ("versionId", ["a"]),
        ("versionId", ""),
    ],
)
def test_a_nonsense_field_counts_as_absent(field: str, value: object) -> None:
    attribute = {"eTag": "etag", "versionId": "version_id"}.get(field, field)
    record = read_upload(notification(None, **{field: value}))
    assert getattr(record.object, attribute) is None
    assert record.object.key == "red flower.jpg"


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ("2026-01-01T09:15:30.125+01:00", UPLOADED),
        ("2026-01-01T08:15:30.125", UPLOADED),
        (1767255330.125, UPLOADED),
        ("yesterday", None),
        ("0001-01-01T00:00:00+14:00", None),
        (1e300, None),
        (10**30, None),
        (float("nan"), None),
        (float("inf"), None),
        (None, None),
        ({}, None),
    ],
)
def test_an_unreadable_time_is_unknown_and_does_no_harm(time: object, expected: datetime | None) -> None:
    record = read_upload(notification({"eventTime": time}))
    assert record.uploaded_at == expected
    assert record.object == read_upload(body("s3-put")).object


@pytest.mark.parametrize("time", ["2026-01-01T09:15:30.125+01:00", "2026-01-01T08:15:30.125", 1767255330.125])
def test_a_time_is_in_utc_wherever_the_worker_runs(time: object, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", "Asia/Tokyo")
        tzset()
        uploaded_at = read_upload(notification({"eventTime": time})).uploaded_at
    tzset()
    assert str(uploaded_at) == "2026-01-01 08:15:30.125000+00:00"


SURROGATE = "\ud800"  # half a surrogate pair: JSON can hold it, UTF-8 cannot


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "\x00",
        "{",
        "null",
        "17",
        '"text"',
        "[]",
        "{}",
        "[" * 100_000,
        '{"Records":' * 100_000,
        '{"size": ' + "9" * 5_000 + "}",
        '{"Records": []}',
        '{"Records": {}}',
        '{"Records": "red flower.jpg"}',
        '{"Records": [null]}',
        '{"Records": [[]]}',
        '{"Records": ["ObjectCreated:Put"]}',
        '{"Event": "s3:SomethingElse"}',
        '{"Type": "SubscriptionConfirmation", "Message": "You have chosen to subscribe"}',
        '{"Type": "Notification"}',
        '{"Type": "Notification", "Message": {}}',
        '{"Type": "Notification", "Message": "hello"}',
        '{"Type": "Notification", "Message": "[]"}',
        '{"source": "aws.s3", "detail-type": "Object Created"}',
        '{"source": "aws.s3", "detail-type": "Object Created", "detail": {"bucket": "photos"}}',
        '{"source": "aws.s3", "detail-type": 5}',
        '{"source": "aws.ec2", "detail-type": "EC2 Instance State-change Notification"}',
        notification({"eventSource": "aws:sqs"}),
        notification({"eventSource": None}),
        notification({"eventName": None}),
        notification({"s3": None}),
        notification({"s3": {"bucket": {"name": "photos"}}}),
        notification({"s3": {"bucket": {}, "object": {"key": "a.jpg"}}}),
        notification({"s3": {"bucket": {"name": ""}, "object": {"key": "a.jpg"}}}),
        notification(key=None),
        notification(key=""),
        notification(key="k" * 1025),
        notification(key="%C3%BC" * 513),
        notification(key="%FF.jpg"),
        notification(key=SURROGATE),
        notification(eTag=SURROGATE),
        notification(versionId=SURROGATE),
        direct(bucket=""),
        direct(bucket=SURROGATE),
        direct(key=""),
        direct(key=5),
        direct(key="ü" * 513),
        direct(key=SURROGATE),
        direct(image_id=5),
        direct(version_id=SURROGATE),
    ],
    ids=lambda text: re.sub(r"\W+", " ", ascii(text[-60:])),
)
def test_an_unknown_shape_is_refused_with_a_reason(text: str) -> None:
    assert refusal(text)


def test_a_key_of_the_largest_size_is_accepted() -> None:
    assert read_upload(direct(key="ü" * 512)).object.key == "ü" * 512


def test_an_envelope_in_an_envelope_is_refused() -> None:
    twice = json.dumps({"Type": "Notification", "Message": body("sns-put")})
    assert "no known shape" in refusal(twice)


def test_the_envelope_may_carry_any_of_the_other_shapes() -> None:
    for name in ("eventbridge-created", "direct-request"):
        enveloped = json.dumps({"Type": "Notification", "Message": body(name)})
        assert events.read(enveloped) == events.read(body(name))


@pytest.mark.parametrize("field", ["eventSource", "eventVersion", "eventName", "eventTime"])
def test_nesting_near_pythons_own_limit_does_no_harm(field: str) -> None:
    for depth in range(50, 1100, 10):
        nested = "[" * depth + "]" * depth
        text = notification({field: "HERE"}).replace('"HERE"', nested)
        assert len(events.read(text)) == 1


def test_the_deepest_allowed_body_is_read_and_one_level_more_is_refused() -> None:
    def nest(levels: int) -> str:  # the body is one level, the innermost item another
        return notification({"requestParameters": "HERE"}).replace('"HERE"', "[" * levels + "]" * levels)

    deepest = events.MAX_DEPTH - 3  # below the body, its records and the record
    assert isinstance(events.read(nest(deepest))[0], Announced)
    assert "nested deeper" in refusal(nest(deepest + 1))


def test_a_body_larger_than_sqs_allows_is_refused_unread() -> None:
    largest = direct().ljust(events.MAX_BODY)
    assert read_upload(largest).object.bucket == "photos"
    assert "characters" in refusal(largest + " ")


@pytest.mark.parametrize(
    "number", ["1e999", "-1e999", "NaN", "Infinity", "9" * 5_000, "0." + "1" * 100_000, "1" + "0" * 4_000]
)
def test_a_huge_number_is_refused_or_counts_as_absent(number: str) -> None:
    for body in (
        '{"bucket": "b", "key": "k", "size": NUMBER, "uploaded_at": NUMBER}',
        '{"Records": [NUMBER]}',
        "NUMBER",
    ):
        (record,) = events.read(body.replace("NUMBER", number))
        assert isinstance(record, Announced | UnknownBodyError)


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"k" * 200_000: 1}),
        notification({"eventVersion": "3" * 200_000}),
        notification({"eventSource": "x" * 200_000}),
        notification({"eventSource": ["x" * 200_000]}),
        notification({"s3": {"bucket": {"name": "b" * 200_000}, "object": {"key": ""}}}),
    ],
    ids=["field", "version", "source", "nested", "bucket"],
)
def test_the_reason_of_a_refusal_fits_a_log_line(text: str) -> None:
    assert len(refusal(text)) < 1_000


def test_the_name_of_an_ignored_event_fits_a_log_line() -> None:
    for text in (
        notification({"eventName": "x" * 200_000}),
        json.dumps({"source": "aws.s3", "detail-type": "x" * 200_000}),
    ):
        (record,) = events.read(text)
        assert isinstance(record, Ignored)
        assert len(record.what) < 1_000


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
SHAPES = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(BODIES.glob("*.json"))]


@given(st.text() | st.text(st.characters()) | JSON.map(json.dumps))
def test_any_text_and_any_json_gives_at_least_one_record(text: str) -> None:
    assert_readable(text)


def assert_readable(text: str) -> None:
    """Check that a body gives records, and that all announced names are valid UTF-8."""
    records = events.read(text)
    assert records
    for record in records:
        assert isinstance(record, Announced | Ignored | NotOursError)
        if isinstance(record, Announced):
            stored = record.object
            "".join(filter(None, [stored.bucket, stored.key, stored.etag, stored.version_id])).encode()


@given(st.sampled_from(SHAPES), st.data())
def test_a_known_shape_with_any_field_replaced_or_removed_is_read_without_raising(
    shape: dict[str, Any], data: st.DataObject
) -> None:
    assert_readable(json.dumps(spoilt(shape, data)))


def spoilt(value: Any, data: st.DataObject) -> Any:
    """The same JSON with a change at a random place."""
    if data.draw(st.integers(0, 3)) == 0 or not value or not isinstance(value, dict | list):
        return data.draw(JSON | st.text(st.characters()))
    if isinstance(value, list):
        at = data.draw(st.integers(0, len(value) - 1))
        return [*value[:at], spoilt(value[at], data), *value[at + 1 :]]
    name = data.draw(st.sampled_from(sorted(value)))
    if data.draw(st.booleans()):
        return {other: value[other] for other in value if other != name}
    return value | {name: spoilt(value[name], data)}


def name_of(key: str, *, given_id: str | None = None, pattern: str = UUID_SEGMENT) -> str:
    return events.photo_id(key, re.compile(pattern), given_id).image_id


PER_OWNER = r"^users/(?P<owner>[^/]*)/(?P<image_id>[^/.]+)"


def test_a_key_may_name_the_owner() -> None:
    assert events.photo_id("users/ada/one.jpg", re.compile(PER_OWNER)) == ("one", "ada")
    assert events.photo_id("users/ada/one.jpg", re.compile(PER_OWNER), "other") == ("other", "ada")
    assert events.photo_id("one.jpg", re.compile(r"(?P<image_id>\w+)")) == ("one", "")


@pytest.mark.parametrize(
    ("key", "sent", "complaint"),
    [
        ("one.jpg", "one", "names no owner"),
        ("one.jpg", None, "names no image id"),
        ("users//one.jpg", None, "names no owner"),
        ("users/a:da/one.jpg", None, "is no owner"),
        ("users/{ada}/one.jpg", None, "is no owner"),
        ("users/ada/one.jpg", "", "is no image id"),
    ],
)
def test_a_photo_without_the_owner_it_needs_is_not_ours(key: str, sent: str | None, complaint: str) -> None:
    with pytest.raises(NoImageIdError, match=complaint):
        events.photo_id(key, re.compile(PER_OWNER), sent)


@pytest.mark.parametrize(
    "key",
    [ID, f"{ID}.jpg", f"{ID}.tar.gz", f"uploads/2026/{ID}.HEIC", f"/{ID}", f"{ID.replace('-', '/')}/{ID}"],
)
def test_the_last_segment_names_the_image_when_it_is_a_uuid(key: str) -> None:
    assert name_of(key) == ID


def test_an_image_id_keeps_its_letter_case() -> None:
    assert name_of(f"uploads/{ID.upper()}.jpg") == ID.upper()


@pytest.mark.parametrize(
    "key",
    [
        "red flower.jpg",
        f"{ID}/photo.jpg",
        f"x{ID}.jpg",
        f"{ID}x.jpg",
        f"{ID}.jpg/",
        ID.replace("-", ""),
        ID[:-1],
        f"{ID[:-1]}g",
        f"{ID[:-1]}١",
        "uploads/",
    ],
)
def test_a_key_whose_last_segment_is_no_uuid_names_no_image(key: str) -> None:
    with pytest.raises(NoImageIdError, match="names no image id"):
        name_of(key)


def test_another_pattern_finds_the_id_elsewhere_in_the_key() -> None:
    assert name_of("users/42/meal-7/photo.jpg", pattern=r"/(?P<image_id>meal-\d+)/") == "meal-7"


def test_a_pattern_whose_group_did_not_match_names_no_image() -> None:
    with pytest.raises(NoImageIdError):
        name_of("photo.jpg", pattern=r"(?P<image_id>\d+)?photo")


def test_the_senders_id_wins_over_the_key() -> None:
    assert name_of(f"{ID}.jpg", given_id="meal-7") == "meal-7"


@pytest.mark.parametrize(
    "unsafe",
    ["", " ", "a b", "a\n", "a:b", "a/b", "*", "{a}", "../a", ".a", "-a", "ü", "a\x00", "a" * 129, SURROGATE],
)
def test_an_id_with_characters_special_in_redis_keys_is_refused(unsafe: str) -> None:
    with pytest.raises(NoImageIdError):
        name_of("photo.jpg", given_id=unsafe)
    with pytest.raises(NoImageIdError):
        name_of(f"<{unsafe}>", pattern=r"(?s)<(?P<image_id>.*)>")


def test_the_reason_of_a_refused_id_stays_short() -> None:
    with pytest.raises(NoImageIdError) as refusal:
        name_of("photo.jpg", given_id="a" * 200_000)
    assert len(str(refusal.value)) < 1_000


def test_the_longest_id_is_accepted() -> None:
    assert name_of("photo.jpg", given_id="a" * 128) == "a" * 128


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (json.dumps({"source": "aws.s3", "detail-type": "Object Created"}), "detail is not a JSON object"),
        (
            json.dumps({"source": "aws.s3", "detail-type": "Object Created", "detail": {}}),
            "detail.bucket is not a JSON object",
        ),
        (
            json.dumps({"source": "aws.s3", "detail-type": "Object Created", "detail": {"bucket": {}}}),
            "detail.object is not a JSON object",
        ),
        ("[]", "the body is not a JSON object"),
        ('{"Records": [null]}', "a record is not a JSON object"),
        (notification({"s3": None}), "s3 is not a JSON object"),
        (notification({"s3": {"object": {}}}), "s3.bucket is not a JSON object"),
        (notification({"s3": {"bucket": {}}}), "s3.object is not a JSON object"),
        ('{"Records": [{"eventSource": "aws:s3"}]}', "a record has event version ''; 2.x is understood"),
        ("{}", "the body is of no known shape; its fields are: none"),
        (
            json.dumps(dict.fromkeys("ihgfedcba")),
            "the body is of no known shape; its fields are: 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'",
        ),
        (direct(image_id=7), "image_id is not a string"),
        (
            notification({"eventVersion": "9" * 500}),
            f"a record has event version '{'9' * 80}'; 2.x is understood",
        ),
        (
            notification({"eventSource": [1] * 500}),
            f"a record comes from {str([1] * 500)[:160]}, not from S3",
        ),
    ],
)
def test_a_reason_names_what_is_wrong(text: str, reason: str) -> None:
    assert refusal(text) == reason


def test_an_announced_photo_has_the_id_that_its_sender_named() -> None:
    announced = read_upload(direct(image_id="mine"))
    assert announced.photo({"photos"}, re.compile(UUID_SEGMENT)).image_id == "mine"
    with pytest.raises(NoImageIdError, match=r"^'no spaces' is no image id: "):
        read_upload(direct(image_id="no spaces")).photo({"photos"}, re.compile(UUID_SEGMENT))
    with pytest.raises(ForeignBucketError, match="'photos' is not in WORKER_BUCKETS"):
        announced.photo({"others"}, re.compile(UUID_SEGMENT))
