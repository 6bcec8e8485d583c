"""Tests of dead letters without a queue: findings, advice, the report and the command line."""

import argparse
import io
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from rich.console import Console

from tests.support import bodies, photos
from tests.support.fakes import START, InlineDecoder, MemoryStore
from worker.commands import dead_letter_report as report
from worker.commands import dead_letters as command
from worker.commands.terminal import WIDE
from worker.errors import (
    MessageError,
    NotOursError,
    ObjectGoneError,
    ObjectRefusedError,
    OutOfMemoryError,
    PhotoError,
    StorageError,
)
from worker.messages import Fetched, S3Object
from worker.settings import UUID_SEGMENT
from worker.upkeep.dead_letters import TARGET, Examiner, Finding, Letter
from worker.upkeep.remedies import ADVICE, Remedy

ID = "00000000-0000-4000-8000-000000000000"
KEY = f"uploads/{ID}.jpg"


def letter(body: object = "") -> Letter:
    text = body if isinstance(body, str) else json.dumps(body)
    return Letter(
        "message-1", "handle-1", text, 4, START, START, "arn:aws:sqs:eu-central-1:111122223333:uploads"
    )


class FakeStorage:
    """Gives one photo, or raises one error, and keeps what it was asked for."""

    def __init__(self, photo: bytes | BaseException) -> None:
        self.photo = photo
        self.asked: list[S3Object] = []

    def fetch(self, s3_object: S3Object, max_bytes: int, alive: Callable[[], None] = lambda: None) -> Fetched:
        self.asked.append(s3_object)
        if isinstance(self.photo, BaseException):
            raise self.photo
        return Fetched([self.photo], "etag-now")


def examine(storage: FakeStorage, body: object, store: MemoryStore | None = None) -> list[Finding]:
    examiner = Examiner(
        storage,
        store or MemoryStore(),
        buckets={"photos"},
        image_id_pattern=re.compile(UUID_SEGMENT),
        decoder=InlineDecoder(TARGET),
    )
    return examiner.examine(letter(body))


def test_there_is_advice_for_every_code() -> None:
    codes = {error.code for error in PhotoError.__subclasses__()}
    codes |= {error.code for error in NotOursError.__subclasses__()}
    codes |= {error.code for error in ObjectRefusedError.__subclasses__()}
    others = {StorageError.code, ObjectRefusedError.code, OutOfMemoryError.code}
    assert codes | others <= set(ADVICE)


@pytest.mark.parametrize(
    "error", [ObjectGoneError("it is gone"), StorageError("403"), MemoryError("no memory")]
)
def test_the_error_of_the_fetch_is_the_reason(error: Exception) -> None:
    (found,) = examine(FakeStorage(error), bodies.notification("photos", KEY))
    assert found.code == (error.code if isinstance(error, MessageError) else "out_of_memory")
    assert found.reason == str(error)
    assert found.photo is not None
    assert found.photo.image_id == ID


def test_nothing_is_fetched_from_another_bucket_or_if_the_event_says_it_is_too_large() -> None:
    storage = FakeStorage(photos.coffee())
    assert examine(storage, bodies.notification("secrets", KEY))[0].code == "foreign_bucket"
    assert examine(storage, bodies.notification("photos", KEY, size=1_000_001))[0].code == "too_many_bytes"
    assert storage.asked == []


def test_while_redis_is_away_a_good_photo_is_found_and_the_doubt_is_reported() -> None:
    store = MemoryStore()
    store.away = True
    (found,) = examine(FakeStorage(photos.coffee()), bodies.notification("photos", KEY), store)
    assert found.code == "nothing_wrong"
    assert "Redis did not say" in found.reason


def test_the_most_serious_record_comes_first() -> None:
    found = examine(
        FakeStorage(photos.coffee()), bodies.notification("photos", KEY, "uploads/menu.jpg", f"old/{ID}.jpg")
    )
    assert [one.code for one in found] == ["no_image_id", "nothing_wrong", "nothing_wrong"]
    assert [one.remedy for one in found] == [Remedy.MEND, Remedy.REDRIVE, Remedy.REDRIVE]


# the report


def test_a_line_is_json_with_the_most_serious_reason_and_every_record() -> None:
    found = examine(FakeStorage(photos.coffee()), bodies.notification("photos", KEY, "uploads/menu.jpg"))
    line = json.loads(report.line(letter(), found))
    assert (line["code"], line["remedy"], line["receive_count"]) == ("no_image_id", "mend", 4)
    assert line["sent_at"] == "2026-01-01T00:00:00.000Z"
    assert [record["image_id"] for record in line["records"]] == [None, ID]
    assert {"code", "reason", "bucket", "key"} <= set(line["records"][0])


def render(found: Sequence[tuple[Letter, list[Finding]]], width: int = WIDE) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(report.letters(found), report.summary(found))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_summary_counts_reasons_and_says_what_to_do() -> None:
    found = [(letter(), [Finding("unknown_body", "no JSON")]), (letter(), [Finding("unknown_body", "five")])]
    text = render([*found, (letter(), [Finding("nothing_wrong", "it can be read now")])])
    assert re.search(r"2 +unknown_body +find out who sends this", text)
    assert re.search(r"1 +nothing_wrong +redrive", text)


def test_the_text_of_strangers_is_no_markup_and_does_not_steer_the_terminal() -> None:
    where = S3Object("photos", "uploads/[red]\x1b[2J\u202e.jpg")
    text = render([(letter(), [Finding("no_image_id", "[link=x]\nreason", where)])])
    assert "[red]\\x1b[2J\\u202e.jpg" in text
    assert "[link=x]\\nreason" in text


SECRETS = [
    "Authorization: Bearer geheim",
    '{"api_key": "geheim"}',
    '{"pw": "geheim"}',
    "https://user:geheim@host/x",
    json.dumps({"Type": "Notification", "Message": json.dumps({"token": "geheim"})}),
    json.dumps(["geheim"]),
    json.dumps("geheim"),
]


@pytest.mark.parametrize("body", SECRETS)
def test_the_list_shows_no_value_of_a_body(body: str) -> None:
    text = render([(letter(body), examine(FakeStorage(b""), body))])
    assert f"sent {len(body)} characters" in text
    assert "geheim" not in text


@pytest.mark.parametrize("where", [None, S3Object("photos", KEY)])
def test_a_letter_takes_two_lines_of_eighty_columns_with_its_sender_and_body(where: S3Object | None) -> None:
    sent = replace(letter({"token": "abc", "photo": "x"}), sender="AROAEXAMPLE:api")
    long = replace(letter({"x" * 90: "y" * 100_000}), sender="AROA" * 20)
    findings = [Finding("unknown_body", "no known shape, " * 20, where)]
    what = "s3://photos/uploads/" if where else "no known shape"
    text = render([(sent, findings), (long, findings), (letter("5"), [*findings, *findings])], width=80)
    lines = text.splitlines()
    assert lines[0].endswith(f"{sent.message_id}  unknown_body")
    assert lines[1].startswith(f"  AROAEXAMPLE:api sent 30 characters (token, photo): {what}")
    assert lines[3].startswith(f"  {'AROA' * 6}… sent 100098 characters ({'x' * 24}…):")
    assert lines[4].endswith("unknown_body (and 1 more records)")
    assert lines[5].startswith(f"  somebody sent 1 characters: {what}")
    assert all(len(line) <= 80 for line in lines)
    assert json.loads(report.line(sent, findings))["body"] == sent.body


# the command line


def parse(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return parser.parse_args(arguments)


def test_the_default_is_to_list_and_the_default_rate_is_low() -> None:
    assert (parse().action, parse().limit, parse().json) == ("list", 100, False)
    back = parse("redrive")
    assert (back.action, back.rate, back.wait) == ("redrive", 10, None)
    assert parse("redrive", "--rate", "500", "--no-wait").rate == 500
    assert parse("cancel").action == "cancel"


@pytest.mark.parametrize(
    "arguments",
    [["redrive", "--rate", "0"], ["redrive", "--rate", "501"], ["--limit", "0"], ["--limit", "x"]],
)
def test_numbers_out_of_bounds_are_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refusal:
        parse(*arguments)
    assert refusal.value.code == 2
    assert "is not a whole number of 1 … " in capsys.readouterr().err
