"""Tests of dead letters without a queue: findings, advice, the report, moves and the command line."""

import argparse
import io
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from rich.console import Console

from tests.support import bodies, photos
from tests.support.fakes import START, MemoryStore
from worker.commands import dead_letter_report as report
from worker.commands import dead_letters as command
from worker.errors import (
    MessageError,
    NotOursError,
    ObjectGoneError,
    OutOfMemoryError,
    PhotoError,
    QueueError,
    StorageError,
)
from worker.messages import Fetched, S3Object
from worker.photos.decoder import Decoder
from worker.settings import UUID_SEGMENT
from worker.upkeep import redrive
from worker.upkeep.dead_letters import TARGET, Examiner, Finding, Letter
from worker.upkeep.redrive import Move, RunningError
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

    def fetch(self, s3_object: S3Object, max_bytes: int) -> Fetched:
        self.asked.append(s3_object)
        if isinstance(self.photo, BaseException):
            raise self.photo
        return Fetched(self.photo, "etag-now")


def examine(storage: FakeStorage, body: object, store: MemoryStore | None = None) -> list[Finding]:
    examiner = Examiner(
        storage,
        store or MemoryStore(),
        buckets={"photos"},
        image_id_pattern=re.compile(UUID_SEGMENT),
        decoder=Decoder(TARGET, max_bytes=1_000_000, max_pixels=1_000_000, at_once=1),
    )
    return examiner.examine(letter(body))


def test_there_is_advice_for_every_code() -> None:
    codes = {error.code for error in PhotoError.__subclasses__()}
    codes |= {error.code for error in NotOursError.__subclasses__()}
    assert codes | {StorageError.code, OutOfMemoryError.code} <= set(ADVICE)


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


def render(found: Sequence[tuple[Letter, list[Finding]]]) -> str:
    console = Console(file=io.StringIO(), width=report.WIDE)
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


# moves


class FakeQueue:
    """Lists moves: the next list at each look, the last one again and again."""

    def __init__(self, *looks: list[Move]) -> None:
        self.looks = list(looks)
        self.started: list[int] = []
        self.cancelled: list[str] = []
        self.refuses = False

    def moves(self) -> list[Move]:
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]

    def start(self, rate: int) -> None:
        if self.refuses:
            raise QueueError("there is already a task running")
        self.started.append(rate)

    def cancel(self, handle: str) -> int:
        self.cancelled.append(handle)
        return 7


RUNNING = Move("RUNNING", 3, 10, 5, datetime(2026, 1, 1, 12, tzinfo=UTC), "handle", None)
DONE = replace(RUNNING, status="COMPLETED", moved=10, handle=None)
OTHER = replace(DONE, started_at=datetime(2026, 1, 2, tzinfo=UTC), status="FAILED")


@pytest.mark.parametrize("status", ["RUNNING", "CANCELLING"])
def test_a_second_move_is_refused_and_the_first_is_described(status: str) -> None:
    queue = FakeQueue([replace(RUNNING, status=status)])
    with pytest.raises(
        RunningError, match=re.escape("3 of 10 moved, 5 a second, started 2026-01-01 12:00:00 UTC")
    ):
        redrive.start(queue, 10)
    assert queue.started == []


def test_a_move_that_somebody_else_started_meanwhile_is_described_too() -> None:
    queue = FakeQueue([DONE], [RUNNING])
    queue.refuses = True
    with pytest.raises(RunningError, match="3 of 10 moved"):
        redrive.start(queue, 10)


def test_a_start_that_fails_for_another_reason_reports_that_reason() -> None:
    queue = FakeQueue([])
    queue.refuses = True
    with pytest.raises(QueueError, match="already a task"):
        redrive.start(queue, 10)


def test_a_move_is_watched_until_it_ends_even_if_a_newer_one_starts() -> None:
    queue, told, pauses = (
        FakeQueue([], [RUNNING], [OTHER, RUNNING], [OTHER, DONE]),
        list[int](),
        list[float](),
    )
    assert redrive.watch(queue, lambda move: told.append(move.moved), pauses.append) == DONE
    assert told == [3, 3, 10]
    assert pauses == [redrive.LOOK_INTERVAL] * 3


def test_a_move_that_is_never_listed_is_given_up() -> None:
    pauses = list[float]()
    with pytest.raises(QueueError, match="does not list"):
        redrive.watch(FakeQueue([]), lambda _: None, pauses.append)
    assert len(pauses) == redrive.LISTING_LOOKS + 1


def test_only_a_running_move_is_cancelled() -> None:
    queue = FakeQueue([DONE, RUNNING])
    assert redrive.cancel(queue) == 7
    assert queue.cancelled == ["handle"]
    assert redrive.cancel(FakeQueue([DONE])) is None


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
