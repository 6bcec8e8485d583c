"""The log: JSON or readable lines, without passwords."""

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.telemetry.counters import Telemetry
from worker.telemetry.log import set_up_logs

URL = "redis://worker:s3cret@redis.internal:6379/0"


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def start_log(
    log_format: str = "json", level: str = "info", stream: io.StringIO | None = None
) -> io.StringIO:
    stream = stream or io.StringIO()
    set_up_logs(log_format, level, stream)
    return stream


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def fail_with_a_password_in_scope(text: str = "Redis does not answer") -> None:
    password = "s3cret"
    if password:
        raise ConnectionError(text)


def log_error(log_format: str, text: str = "Redis does not answer") -> str:
    """Return the log line of an error raised where a local variable holds a password."""
    stream = start_log(log_format)
    try:
        fail_with_a_password_in_scope(text)
    except ConnectionError as error:
        Telemetry().fail("stopped", error, url=URL)
    return stream.getvalue()


def test_a_json_line_starts_with_timestamp_level_and_event() -> None:
    stream = start_log()
    Telemetry().event("started", models={"reference": "1"}, queue=None)
    Telemetry().warn("write_failed", reason="line one\nline two", photos=3)
    first, second = lines(stream)
    assert list(first) == ["timestamp", "level", "event", "models"]
    assert (first["level"], first["event"], first["models"]) == ("info", "started", {"reference": "1"})
    assert first["timestamp"].endswith("Z")
    assert (second["level"], second["reason"]) == ("warning", "line one\nline two")


def test_a_photo_is_logged_in_one_line_with_its_id_and_timings() -> None:
    stream, telemetry = start_log(), Telemetry()
    telemetry.photo(
        "scored", image_id="meal-1", score=4, receive_count=1, code=None, timings_ms={"fetch": 12.345, "x": 0}
    )
    (line,) = lines(stream)
    assert line.pop("timestamp")
    assert line == {
        "level": "info",
        "event": "scored",
        "image_id": "meal-1",
        "score": 4,
        "receive_count": 1,
        "timings_ms": {"fetch": 12.3, "x": 0},
    }
    assert telemetry.counts == {"photos_scored": 1}


@pytest.mark.parametrize(("log_format", "readable"), [("json", False), ("console", True), ("auto", False)])
def test_the_format_follows_the_setting(log_format: str, readable: bool) -> None:
    stream = start_log(log_format)
    Telemetry().event("started", image_id="meal-1")
    assert stream.getvalue().count("\n") == 1
    assert ("image_id=meal-1" in stream.getvalue()) == readable
    assert stream.getvalue().startswith("{") != readable
    assert "\x1b" not in stream.getvalue(), "colours are for terminals"


def test_on_a_terminal_auto_is_console_and_json_stays_json() -> None:
    stream = start_log("auto", stream=Terminal())
    Telemetry().event("started")
    assert "\x1b[" in stream.getvalue()
    stream = start_log("json", stream=Terminal())
    Telemetry().event("started")
    assert lines(stream)[0]["event"] == "started"


def test_with_stderr_closed_the_log_goes_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs("auto", "info", None)
    Telemetry().event("polling")
    assert json.loads(capsys.readouterr().out)["event"] == "polling"


def test_events_below_the_level_are_counted_but_not_written() -> None:
    stream, telemetry = start_log(level="warning"), Telemetry()
    telemetry.event("ignored")
    telemetry.receive(3, 0.5, redeliveries=1)
    telemetry.warn("look_up_failed")
    assert [line["event"] for line in lines(stream)] == ["look_up_failed"]
    assert telemetry.counts == {
        "ignored": 1,
        "receives": 1,
        "messages_received": 3,
        "redeliveries": 1,
        "look_up_failed": 1,
    }


def test_an_error_is_logged_with_its_traceback() -> None:
    (line,) = [json.loads(text) for text in log_error("json").splitlines()]
    assert (line["level"], line["event"]) == ("error", "stopped")
    (exception,) = line["exception"]
    assert (exception["exc_type"], exception["exc_value"]) == ("ConnectionError", "Redis does not answer")
    assert exception["frames"][-1]["name"] == "fail_with_a_password_in_scope"
    assert "ConnectionError: Redis does not answer" in log_error("console")


def test_an_error_without_an_exception_has_no_traceback() -> None:
    stream = start_log()
    Telemetry().fail("deadline", threads=["infer"])
    (line,) = lines(stream)
    assert (line["level"], line["threads"], "exception" in line) == ("error", ["infer"], False)


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_traceback_shows_no_password(log_format: str) -> None:
    text = log_error(log_format, f"cannot reach {URL}")
    assert "***@redis.internal" in text
    assert "s3cret" not in text


@pytest.mark.parametrize("log_format", ["json", "console"])
@pytest.mark.parametrize(
    "detail",
    [
        URL,
        f"cannot reach {URL}: timed out, nor {URL}",
        "redis://:s3cret@redis.internal",
        "redis://worker:s3cret@s3cret@redis.internal",
        'redis://worker:"s3cret"\\@redis.internal',
        "https://worker:s3cret%40@redis.internal/x?y=z",
        [URL],
        {"urls": {"first": (URL,)}},
        ConnectionError(URL),
    ],
    ids=["url", "twice", "no user", "at sign", "quotes", "encoded", "list", "nested", "exception"],
)
def test_a_password_is_masked_wherever_the_url_appears(log_format: str, detail: object) -> None:
    stream = start_log(log_format)
    Telemetry().warn("look_up_failed", reason=detail)
    assert "s3cret" not in stream.getvalue()
    assert "***@redis.internal" in stream.getvalue()


@pytest.mark.parametrize(
    "harmless",
    [
        "https://sqs.eu-central-1.amazonaws.com:443/111122223333/uploads",
        "me@example.com at 10:30",
        "a:b@c",
        "s3://photos/a@b:c",
        "redis://redis.internal:6379",
    ],
)
def test_text_without_a_password_is_not_changed(harmless: str) -> None:
    stream = start_log()
    Telemetry().event("started", text=harmless, other="you@example.com")
    assert (lines(stream)[0]["text"], lines(stream)[0]["other"]) == (harmless, "you@example.com")


@given(st.text(st.characters()) | st.floats() | st.dictionaries(st.text(), st.text()))
def test_any_detail_makes_a_line_of_valid_json(detail: object) -> None:
    stream = start_log()
    Telemetry().event("ignored", what=detail)
    (line,) = stream.getvalue().splitlines()
    assert json.loads(line)["event"] == "ignored"
