"""Settings from the environment: bounds, contradictions, misspelt names, and no secret in any output."""

import math
import re
from typing import Literal, get_origin

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from worker import settings
from worker.adapters.aws import s3, sqs
from worker.errors import ConfigurationError
from worker.settings import Settings, consistency, load

REQUIRED = {
    "WORKER_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/111122223333/uploads",
    "WORKER_BUCKETS": "photos",
    "WORKER_REDIS_URL": "redis://worker:s3cret@redis.internal:6379/0",
}
ROOMY = {  # with these, each setting can take its bounds without contradicting another
    "WORKER_RECEIVE_WAIT": "0",
    "WORKER_REDIS_TIMEOUT": "1",
    "WORKER_LEASE_MOST": "43200",
    "WORKER_STALL_AFTER": "3600",
    "WORKER_DRAIN_DEADLINE": "115",
    "WORKER_RETRY_DELAY": "0",
    "WORKER_RETRY_DELAY_MAX": "43200",
}
OWNED = r"^(?P<owner>[^/]+)/(?P<image_id>[^/.]+)"
BOUNDS = [
    (variable, float(bounds.split(" … ")[0]), float(bounds.split(" … ")[1]))
    for variable, _, bounds, _, _ in settings.rows()
    if "…" in bounds
]


def load_with(**values: str) -> Settings:
    """The settings with `WORKER_…` variables given by their short names."""
    return load(REQUIRED | {f"WORKER_{name.upper()}": value for name, value in values.items()})


def refusal(environ: dict[str, str]) -> str:
    with pytest.raises(ConfigurationError) as error:
        load(environ)
    return str(error.value)


def test_only_required_settings_have_no_default() -> None:
    read = load(REQUIRED)
    assert read.queue_url == REQUIRED["WORKER_QUEUE_URL"]
    assert read.buckets == ("photos",)
    assert read.redis_url.get_secret_value() == REQUIRED["WORKER_REDIS_URL"]
    assert read.model == ("models/reference/built/reference",)
    assert read.visibility_timeout is None
    assert (read.batch_size, read.batch_wait) == (32, 0)


@pytest.mark.parametrize("variable", REQUIRED)
def test_a_missing_required_setting_is_named(variable: str) -> None:
    others = {name: value for name, value in REQUIRED.items() if name != variable}
    assert refusal(others).startswith(f"{variable} is not set: ")
    assert refusal(others | {variable: ""}) == refusal(others)


def test_every_number_has_bounds_that_the_table_shows() -> None:
    numbers = {name for name, field in Settings.model_fields.items() if field.annotation is not str}
    bounded = {variable.removeprefix("WORKER_").lower() for variable, _, _ in BOUNDS}
    others = {"buckets", "model", "pad_to", "redis_url", "door_tokens", "door_origins"}
    others |= {
        name for name, field in Settings.model_fields.items() if get_origin(field.annotation) is Literal
    }
    assert numbers - others == bounded


@pytest.mark.parametrize(("variable", "low", "high"), BOUNDS)
def test_a_setting_may_have_either_bound(variable: str, low: float, high: float) -> None:
    for bound in (low, high):
        environ = REQUIRED | ROOMY | {variable: f"{bound:.10g}"}
        assert getattr(load(environ), variable.removeprefix("WORKER_").lower()) == bound


@pytest.mark.parametrize(("variable", "low", "high"), BOUNDS)
def test_a_setting_outside_its_bounds_is_refused_with_name_value_and_bounds(
    variable: str, low: float, high: float
) -> None:
    for value in (f"{low - 1:.0f}", f"{high + 1:.0f}"):
        bounds = f"{low:.10g} … {high:.10g}"
        assert (
            refusal(REQUIRED | ROOMY | {variable: value}) == f"{variable} must be {bounds}; it is {value!r}"
        )


@pytest.mark.parametrize("variable", [variable for variable, _, _ in BOUNDS])
@pytest.mark.parametrize("value", ["many", "1e400", "nan", "0x10", "5 s", "١٢x"])
def test_text_instead_of_a_number_is_refused(variable: str, value: str) -> None:
    message = refusal(REQUIRED | {variable: value})
    assert variable in message
    assert repr(value) in message


def test_every_wrong_setting_is_named_at_once() -> None:
    message = refusal({"WORKER_QUEUE_URL": "queue", "WORKER_BATCH_SIZE": "0", "WORKER_LOG_LEVEL": "loud"})
    for variable in (*REQUIRED, "WORKER_BATCH_SIZE", "WORKER_LOG_LEVEL"):
        assert variable in message


@pytest.mark.parametrize(
    ("variable", "value", "reason"),
    [
        ("WORKER_QUEUE_URL", "uploads", "must be a queue's URL"),
        ("WORKER_QUEUE_URL", "https://sqs.eu-central-1.amazonaws.com", "must be a queue's URL"),
        ("WORKER_QUEUE_URL", "https://sqs.eu-central-1.amazonaws.com/1 2", "must be a queue's URL"),
        ("WORKER_QUEUE_URL", "arn:aws:sqs:eu-central-1:111122223333:uploads", "must be a queue's URL"),
        ("WORKER_BUCKETS", ",", "must name at least one"),
        (
            "WORKER_BUCKETS",
            "photos,s3://photos",
            "must be the name of a bucket, such as photos, without s3://",
        ),
        ("WORKER_BUCKETS", "photos/uploads", "without a prefix; it is 'photos/uploads'"),
        ("WORKER_BUCKETS", "arn:aws:s3:::photos", "must be the name of a bucket"),
        ("WORKER_DOOR_BUCKET", "s3://photos", "must be the name of a bucket"),
        (
            "WORKER_REDIS_URL",
            "redis.internal",
            "must start with redis://, rediss:// or unix://; its value is not shown",
        ),
        ("WORKER_MODEL", " , ", "must name at least one"),
        ("WORKER_IMAGE_ID_PATTERN", "(", "must be a regular expression"),
        ("WORKER_IMAGE_ID_PATTERN", r"\d+", "must have a group named image_id"),
        ("WORKER_IMAGE_ID_PATTERN", r"(?P<id>\d+)", "must have a group named image_id"),
        ("WORKER_RESULT_KEY", "result", "must contain {image_id} once"),
        ("WORKER_RESULT_KEY", "{image_id}:{image_id}", "must contain {image_id} once"),
        ("WORKER_RESULT_KEY", "{app}:{image_id}:{size}", "for a hash tag, and no others"),
        ("WORKER_RESULT_KEY", "{{app}}:{image_id}", "for a hash tag, and no others"),
        ("WORKER_RESULT_KEY", "{{image_id}}", "must not have {image_id} in its hash tag"),
        ("WORKER_RESULT_KEY", "{owner}-{image_id}", "must have a character between its fields"),
        ("WORKER_RESULT_KEY", "seen:{image_id}", "must not give keys that the worker has for other things"),
        ("WORKER_PAD_TO", "8,many", "must be whole numbers above 0"),
        ("WORKER_PAD_TO", "0,32", "must be whole numbers above 0"),
        ("WORKER_PAD_TO", "8,8,32", "each larger than the one before"),
        ("WORKER_PAD_TO", "16,8,32", "each larger than the one before"),
        ("WORKER_ENGINE", "torch", "must be one of auto, tensorflow, litert, openvino"),
        ("WORKER_PRECISION", "float16", "must be one of float32, mixed"),
        ("WORKER_PROTECTION", "yes", "must be one of on, off"),
        ("WORKER_SERVICE", " ", "must be printable ASCII"),
        ("WORKER_SERVICE", ":meals", "must be printable ASCII"),
        ("WORKER_SERVICE", "café", "must be printable ASCII"),
        ("WORKER_SERVICE", "m" * 1025, "1024 at most"),
        ("WORKER_METRICS_NAMESPACE", "Photo Score", "must be letters, digits"),
        ("WORKER_METRICS_NAMESPACE", ":Photos", "no colon first"),
        ("WORKER_METRICS_NAMESPACE", "P" * 256, "255 at most"),
        ("WORKER_LOG_FORMAT", "xml", "must be one of auto, json, console"),
        ("WORKER_LOG_LEVEL", "LOUD", "must be one of debug, info, warning, error"),
    ],
)
def test_an_invalid_text_is_refused_with_name_value_and_reason(
    variable: str, value: str, reason: str
) -> None:
    message = refusal(REQUIRED | {variable: value})
    assert message.startswith(f"{variable} must ")
    assert reason in message


@pytest.mark.parametrize(
    ("variable", "value"), [("LOG_LEVEL", "INFO"), ("ENGINE", "LiteRT"), ("REUSE", "Near")]
)
def test_a_choice_may_be_written_in_capitals(variable: str, value: str) -> None:
    assert getattr(load(REQUIRED | {f"WORKER_{variable}": value}), variable.lower()) == value.lower()


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"receive_wait": "18", "drain_deadline": "25"}, ["RECEIVE_WAIT (18 s)", "DRAIN_DEADLINE (25 s)"]),
        ({"drain_deadline": "12"}, ["RECEIVE_WAIT (5 s)", "DRAIN_DEADLINE (12 s)"]),
        ({"batch_wait": "10000", "receive_wait": "8"}, ["BATCH_WAIT (10000 ms)", "DRAIN_DEADLINE (25 s)"]),
        ({"redis_timeout": "9"}, ["REDIS_TIMEOUT (9 s)", "DRAIN_DEADLINE (25 s)"]),
        ({"receive_wait": "5", "stall_after": "33"}, ["STALL_AFTER (33 s)", "RECEIVE_WAIT (5 s)"]),
        ({"redis_timeout": "3", "stall_after": "48"}, ["STALL_AFTER (48 s)", "REDIS_TIMEOUT (3 s)"]),
        ({"redis_timeout": "8", "drain_deadline": "60"}, ["STALL_AFTER (120 s)", "REDIS_TIMEOUT (8 s)"]),
        (
            {"lease_most": "60", "visibility_timeout": "61"},
            ["LEASE_MOST (60 s)", "VISIBILITY_TIMEOUT (61 s)"],
        ),
        ({"retry_delay": "11", "retry_delay_max": "10"}, ["RETRY_DELAY (11 s)", "RETRY_DELAY_MAX (10 s)"]),
        (
            {"batch_wait": "5000", "visibility_timeout": "5"},
            ["BATCH_WAIT (5000 ms)", "VISIBILITY_TIMEOUT (5 s)"],
        ),
        ({"pad_to": "8,16", "batch_size": "32"}, ["PAD_TO", "BATCH_SIZE (32)"]),
        ({"pad_to": "8,64", "batch_size": "32"}, ["PAD_TO", "BATCH_SIZE (32)"]),
        ({"image_id_pattern": OWNED}, ["IMAGE_ID_PATTERN", "RESULT_KEY must name the {owner} too"]),
        ({"result_key": "{owner}:{image_id}"}, ["RESULT_KEY", "IMAGE_ID_PATTERN"]),
        ({"engine": "litert", "precision": "mixed"}, ["ENGINE=litert", "PRECISION=mixed"]),
        ({"engine": "openvino", "precision": "mixed"}, ["ENGINE=openvino", "PRECISION=mixed"]),
        (
            {"door_port": "8080", "door_linger": "12", "drain_deadline": "25"},
            ["DRAIN_DEADLINE (25 s)", "DOOR_LINGER (12 s)", "DOOR_WAIT (10 s)"],
        ),
        ({"door_port": "8080", "metrics_port": "8080"}, ["DOOR_PORT", "METRICS_PORT are both 8080"]),
        ({"door_port": "8080", "door_bucket": "other"}, ["DOOR_BUCKET (other)", "BUCKETS"]),
        ({"door_port": "8080", "door_memory": "24"}, ["DOOR_MEMORY (24 MB)", "MAX_BYTES (25000000)"]),
        ({"door_port": "8080", "door_prefix": "in/"}, ["DOOR_PREFIX (in/)", "DOOR_BUCKET"]),
    ],
)
def test_a_contradiction_names_both_settings_and_their_values(
    values: dict[str, str], named: list[str]
) -> None:
    with pytest.raises(ConfigurationError) as error:
        load_with(**values)
    assert all(f"WORKER_{name}" in str(error.value) for name in named)


def test_the_door_leaves_the_worker_half_of_the_files_that_it_may_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda _: (1024, 4096))
    assert load_with(door_port="8080", door_connections="512").door_connections == 512
    assert load_with(door_connections="513").door_connections == 513, "without a door, it does not matter"
    with pytest.raises(ConfigurationError, match=r"WORKER_DOOR_CONNECTIONS \(513\) .* may open \(1024\)"):
        load_with(door_port="8080", door_connections="513")


def test_some_connections_are_left_for_who_is_told_that_there_are_too_many() -> None:
    assert load_with(door_port="8080", door_connections="100", door_most="75").door_most == 75
    with pytest.raises(
        ConfigurationError, match=r"WORKER_DOOR_MOST \(76\) .*WORKER_DOOR_CONNECTIONS \(100\)"
    ):
        load_with(door_port="8080", door_connections="100", door_most="76")


def test_settings_that_contradict_each_other_cannot_be_built_directly_either() -> None:
    fitting = load(REQUIRED).model_dump()
    with pytest.raises(ValidationError, match=re.escape("WORKER_RETRY_DELAY (400 s) must not exceed")):
        Settings.model_validate({**fitting, "retry_delay": 400})


@pytest.mark.parametrize(
    "values",
    [
        {"receive_wait": "17", "drain_deadline": "25"},
        {"receive_wait": "5", "stall_after": "34"},
        {"receive_wait": "1", "redis_timeout": "1", "stall_after": "30"},
        {"lease_most": "60", "visibility_timeout": "60"},
        {"retry_delay": "10", "retry_delay_max": "10"},
        {"batch_wait": "4999", "visibility_timeout": "5"},
        {"batch_wait": "10000"},
    ],
)
def test_values_just_short_of_a_contradiction_are_accepted(values: dict[str, str]) -> None:
    read = load_with(**values)
    assert all(getattr(read, name) == int(value) for name, value in values.items())


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("WORKER_BATCHSIZE", "WORKER_BATCH_SIZE"),
        ("WORKER_BUCKET", "WORKER_BUCKETS"),
        ("WORKER_REDIS_URI", "WORKER_REDIS_URL"),
        ("WORKER_VISIBILITY_TIMOUT", "WORKER_VISIBILITY_TIMEOUT"),
    ],
)
def test_a_misspelt_name_is_refused_and_the_right_one_suggested(variable: str, meant: str) -> None:
    assert refusal(REQUIRED | {variable: "1"}) == f"{variable} is no setting; did you mean {meant}?"


def test_an_unknown_name_without_a_similar_setting_gets_no_suggestion() -> None:
    assert refusal(REQUIRED | {"WORKER_ZZZ": "1"}) == "WORKER_ZZZ is no setting"


def test_variables_without_the_prefix_are_ignored() -> None:
    others = {"AWS_ENDPOINT_URL": "http://localhost:4566", "BATCH_SIZE": "0", "MY_WORKER_X": "1", "PATH": ""}
    assert load(REQUIRED | others) == load(REQUIRED)


@pytest.mark.parametrize(
    ("variable", "default"), [row[:2] for row in settings.rows() if row[1] != "required"]
)
def test_an_empty_variable_counts_as_unset(variable: str, default: str) -> None:
    assert load(REQUIRED | {variable: ""}) == load(REQUIRED)
    if default:
        assert load(REQUIRED | {variable: default}) == load(REQUIRED)


def test_lists_are_split_at_commas_and_trimmed() -> None:
    read = load_with(buckets=" photos, more-photos ,", model="a/1,b")
    assert read.buckets == ("photos", "more-photos")
    assert read.model == ("a/1", "b")
    assert load_with(pad_to="4, 8,32", batch_size="32").pad_to == (4, 8, 32)


def test_settings_are_immutable() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load(REQUIRED).batch_size = 1


def test_the_settings_do_not_show_a_secret() -> None:
    read = load(REQUIRED)
    for shown in (repr(read), str(read), read.model_dump_json(), repr(read.model_dump())):
        assert "s3cret" not in shown


@pytest.mark.parametrize(
    "wrong",
    [
        {"WORKER_REDIS_URL": "http://worker:s3cret@redis.internal"},
        {"WORKER_REDIS_URL": "worker:s3cret@redis.internal"},
        {"WORKER_REDIS_URI": "redis://worker:s3cret@redis.internal"},
        {"WORKER_BATCH_SIZE": "0"},
        {"WORKER_DRAIN_DEADLINE": "1"},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_an_error_does_not_show_a_secret(wrong: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError) as raised:
        load(REQUIRED | wrong)
    error: BaseException | None = raised.value
    while error is not None and not (error.__suppress_context__ and error.__cause__ is None):
        error = error.__cause__ or error.__context__
    assert "s3cret" not in f"{raised.value} {error!r}"


@pytest.mark.parametrize("scheme", ["redis", "rediss", "unix"])
def test_redis_urls_have_three_schemes(scheme: str) -> None:
    assert load_with(redis_url=f"{scheme}://redis/0").redis_url.get_secret_value() == f"{scheme}://redis/0"


def test_the_table_describes_each_setting_and_gives_each_number_a_unit() -> None:
    rows = list(settings.rows())
    assert [row[0] for row in rows] == [f"WORKER_{name.upper()}" for name in Settings.model_fields]
    assert all(doc for *_, doc in rows)
    assert all(unit for _, _, bounds, unit, _ in rows if "…" in bounds)


@given(st.dictionaries(st.sampled_from([row[0] for row in settings.rows()]), st.text(), max_size=4))
def test_any_value_gives_settings_or_an_error_that_names_the_variable(values: dict[str, str]) -> None:
    read, message = None, ""
    try:
        read = load(REQUIRED | values)
    except ConfigurationError as error:
        message = str(error)
    if read is None:
        assert any(variable in message for variable in values)
    else:
        assert math.isfinite(read.redis_timeout)
        assert "image_id" in re.compile(read.image_id_pattern).groupindex


def test_the_bound_of_a_step_counts_what_sqs_and_s3_may_take() -> None:
    assert consistency.CONNECTING == sqs.POLL_CONNECT + sqs.READ_EXTRA
    assert consistency.FETCHING == s3.LONGEST_CALL
