"""Photos that came by HTTP: what the pipeline gets of them, and who hears of it."""

import queue
from collections.abc import Callable, Sequence

import pytest

from tests.support.fakes import START, ManualClock
from tests.support.results import make_result
from worker.door.receiving.admission import Pieces
from worker.door.waiting.tickets import Tickets
from worker.errors import AbandonedError, MessageError, OvertakenError, StorageError
from worker.messages import Failed, Fetched, Outcome, PhotoId, S3Object, Upload
from worker.pipeline.lanes import Lane
from worker.pipeline.queues import ShutDown
from worker.result import Result

PHOTO = PhotoId("one")
BODY = S3Object("", "", etag="ab", size=5, sha256="ab", via="http")
STORED = S3Object("photos", "uploads/one", size=5, sha256="ab", via="http")


class Heard:
    """Remembers the answers."""

    def __init__(self) -> None:
        self.answers = list[tuple[Outcome, Result | None]]()

    def __call__(self, outcome: Outcome, result: Result | None) -> None:
        self.answers.append((outcome, result))


class Bucket:
    """Stores photos, or fails."""

    def __init__(self, error: MessageError | None = None) -> None:
        self.error = error
        self.stored: dict[str, bytes] = {}

    def put_once(self, photo: S3Object, pieces: Pieces) -> Fetched:
        if self.error:
            raise self.error
        self.stored[photo.key] = b"".join(pieces)
        return Fetched(pieces, "etag", "v1", photo.sha256)


def make(places: int = 10) -> tuple[Tickets, Lane[Upload | Outcome]]:
    lane: Lane[Upload | Outcome] = Lane(places)
    return Tickets(lane, ManualClock(), lambda: START), lane


def put(tickets: Tickets, heard: Heard, stored: S3Object = BODY) -> str:
    return tickets.put(PHOTO, stored, Pieces([b"ph", b"oto"]), {"request_id": "mine"}, heard)


def take(lane: Lane[Upload | Outcome]) -> Upload:
    upload = lane.get(block=False)
    assert isinstance(upload, Upload)
    return upload


def fetch(tickets: Tickets, upload: Upload, alive: Callable[[], None] = lambda: None) -> Sequence[bytes]:
    return tickets.fetch(upload, 100, alive).pieces


def test_its_upload_begins_when_its_body_is_complete() -> None:
    tickets, lane = make()
    put(tickets, Heard())
    upload = take(lane)
    assert (upload.begun_at, upload.message.received_at, upload.message.received) == (START, START, 1000.0)
    assert (upload.photo, upload.object, upload.trace) == (PHOTO, BODY, {"request_id": "mine"})
    assert (upload.source, upload.receive_ms) == (tickets, 0.0)
    message = upload.message
    assert (message.receive_count, message.receipt_handle, message.body) == (1, "", "")


def test_its_bytes_are_handed_out_once() -> None:
    tickets, lane = make()
    put(tickets, Heard())
    upload = take(lane)
    fetched = tickets.fetch(upload, 100, lambda: None)
    assert (fetched.pieces, fetched.sha256) == ([b"ph", b"oto"], "ab")
    with pytest.raises(AbandonedError):
        fetch(tickets, upload)
    assert tickets.wants(upload)


def test_an_answer_is_heard_once_and_nothing_is_left() -> None:
    tickets, lane = make()
    heard, other = Heard(), Heard()
    put(tickets, heard)
    put(tickets, other)
    upload = take(lane)
    assert (tickets.in_flight, tickets.begun) == (2, 1)
    outcome = Failed(upload, StorageError("x"), {}, 0.0)
    tickets.answer(outcome, make_result())
    tickets.answer(outcome, None)
    tickets.settle([outcome])
    assert heard.answers == [(outcome, make_result())]
    assert (other.answers, tickets.in_flight, tickets.begun) == ([], 1, 0)
    assert not tickets.wants(upload)
    with pytest.raises(AbandonedError):
        fetch(tickets, upload)


def test_nobody_wants_what_was_abandoned() -> None:
    tickets, lane = make()
    number = put(tickets, Heard())
    upload = take(lane)
    tickets.abandon(number)
    tickets.abandon("http-99")
    assert not tickets.wants(upload)
    with pytest.raises(AbandonedError):
        fetch(tickets, upload)


def test_a_full_or_closed_lane_leaves_no_ticket() -> None:
    tickets, lane = make(places=1)
    put(tickets, Heard())
    with pytest.raises(queue.Full):
        put(tickets, Heard())
    lane.shutdown()
    with pytest.raises(ShutDown):
        put(tickets, Heard())
    assert tickets.in_flight == 1


def test_what_is_given_up_hears_that_the_worker_stops() -> None:
    tickets, _ = make()
    heard = Heard()
    put(tickets, heard)
    assert tickets.release_all() == 1
    ((outcome, result),) = heard.answers
    assert isinstance(outcome, Failed)
    assert (outcome.error.code, result) == ("stopping", None)


def test_a_photo_is_stored_before_it_is_decoded_where_that_is_asked_for() -> None:
    tickets, lane = make()
    tickets.storage = bucket = Bucket()
    put(tickets, Heard(), STORED)
    moved = list[None]()
    fetched = tickets.fetch(take(lane), 100, lambda: moved.append(None))
    assert bucket.stored == {"uploads/one": b"photo"}
    assert (fetched.etag, fetched.version_id, fetched.sha256) == ("etag", "v1", "ab")
    assert moved, "the call may take long"


@pytest.mark.parametrize("error", [StorageError("S3 is away"), OvertakenError("another photo is there")])
def test_a_photo_that_cannot_be_stored_is_not_scored(error: MessageError) -> None:
    tickets, lane = make()
    tickets.storage = Bucket(error)
    put(tickets, Heard(), STORED)
    with pytest.raises(type(error)):
        fetch(tickets, take(lane))


def test_what_a_stop_has_answered_while_it_was_put_is_not_refused_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tickets, lane), heard = make(), Heard()

    def put_late(*_: object, **__: object) -> None:
        tickets.release_all()
        raise ShutDown

    monkeypatch.setattr(lane, "put", put_late)
    put(tickets, heard)
    ((outcome, stored),) = heard.answers
    assert isinstance(outcome, Failed)
    assert (outcome.error.code, stored) == ("stopping", None)
