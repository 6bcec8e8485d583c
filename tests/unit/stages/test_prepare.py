"""prepare: fetching and decoding, photos that fail alone, outcomes that pass the model by."""

import gc
import weakref
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.support.fakes import START, ScriptedSource, message
from tests.support.stage_rig import IDS, StageRig, answers, photo
from tests.support.waiting import eventually
from worker.errors import (
    AccessDeniedError,
    BucketGoneError,
    KeyRefusedError,
    MessageError,
    ObjectArchivedError,
    ObjectGoneError,
    OutOfMemoryError,
    Part,
    StorageError,
    TooManyBytesError,
    Verdict,
)
from worker.messages import Failed, Fetched, Scored, Skipped, Upload
from worker.pipeline.queues import ShutDown
from worker.pipeline.waiting_room import WaitingRoom


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty_object"),
        (b"text called .jpg", "unsupported_format"),
        (photo(1)[:45], "unreadable_image"),
        (ObjectGoneError("not there"), "object_gone"),
        (TooManyBytesError("too many came"), "too_many_bytes"),
        (ObjectArchivedError("in Glacier"), "object_archived"),
        (AccessDeniedError("403"), "access_denied"),
        (KeyRefusedError("disabled"), "kms_refused"),
        (BucketGoneError("404"), "bucket_gone"),
    ],
)
def test_one_bad_photo_never_touches_its_neighbours(data: bytes | MessageError, code: str) -> None:
    source = ScriptedSource(photos={IDS[0]: photo(2), IDS[1]: data, IDS[2]: photo(4)})
    rig = StageRig(source)
    outcomes = rig.infer_all(*(source.upload(key) for key in IDS[:3]))
    assert answers(outcomes) == {IDS[0]: 2, IDS[1]: code, IDS[2]: 4}


def test_a_bad_photos_outcome_names_the_bytes_that_were_read() -> None:
    source = ScriptedSource(photos={IDS[0]: b"text"})
    (outcome,) = StageRig(source).infer_all(source.upload(IDS[0]))
    assert isinstance(outcome, Failed)
    assert outcome.upload.object.etag == f"etag-of-{IDS[0]}"


@pytest.mark.parametrize("data", [b"text", photo(1)[:45], photo(1)], ids=["text", "cut", "whole"])
def test_what_becomes_of_a_photo_holds_its_bytes_no_more(
    data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Pieces(list[bytes]):
        """Bytes that can be seen to go."""

    handed_out = list[weakref.ref[Pieces]]()

    def fetch(*_: object) -> Fetched:
        pieces = Pieces([data])
        handed_out.append(weakref.ref(pieces))
        return Fetched(pieces)

    source = ScriptedSource()
    monkeypatch.setattr(source, "fetch", fetch)
    gc.disable()  # which may not run for hours
    try:
        (outcome,) = StageRig(source).infer_all(source.upload(IDS[0]))
        assert isinstance(outcome, Scored | Failed)
        assert [pieces() for pieces in handed_out] == [None]
    finally:
        gc.enable()


@pytest.mark.parametrize("error", [OutOfMemoryError("none left"), MemoryError()], ids=["decoder", "worker"])
def test_a_photo_without_memory_is_tried_again(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def no_memory(*_: object) -> None:
        raise error

    source = ScriptedSource(photos={IDS[0]: photo(2)})
    rig = StageRig(source)
    monkeypatch.setattr(rig.decoder, "decode", no_memory)
    (outcome,) = rig.infer_all(source.upload(IDS[0]))
    assert isinstance(outcome, Failed)
    assert (outcome.error.code, outcome.verdict) == ("out_of_memory", Verdict.RELEASE)


def test_a_photo_announced_as_too_large_is_not_fetched() -> None:
    source = ScriptedSource()
    (outcome,) = StageRig(source).infer_all(source.upload(IDS[0], size=1001))
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, TooManyBytesError)


def test_a_stop_returns_uploads_that_were_not_started() -> None:
    source = ScriptedSource(photos={key: photo(3) for key in IDS[:2]})
    rig = StageRig(source)
    rig.uploads.put(source.upload(IDS[0], number=1))
    rig.prepare.step()  # this one is in work
    rig.uploads.put(source.upload(IDS[1], number=2))
    rig.stopping.set()
    rig.prepare.step()
    rig.infer.steps[0]()
    verdicts = {o.message.message_id: o.verdict for o in (rig.outcomes.get(), rig.outcomes.get())}
    assert verdicts == {"message-1": Verdict.ACKNOWLEDGE, "message-2": Verdict.RETURN}


AWAY = StorageError("503")
PHOTOS: tuple[Part, str] = (Part.STORAGE, "photos")


class AwayRig(StageRig):
    """S3 does not give its photos, until `come_back`. No photo waits for time to pass."""

    def __init__(self, count: int = 4) -> None:
        super().__init__(ScriptedSource(photos=dict.fromkeys(IDS[:count], AWAY)))
        self.prepare.room.look = 0.0

    def come_back(self) -> None:
        self.source.photos = {key: photo(3, n) for n, key in enumerate(IDS[:8])}

    def step_all(self, *uploads: Upload) -> dict[str, int | str | None]:
        """Step as often as there are photos; what became of them."""
        for upload in uploads:
            self.uploads.put(upload)
        for _ in range(len(self.prepare.room) + self.uploads.qsize()):
            self.prepare.step()
        if self.ready.qsize():
            self.infer.steps[0]()
        return answers([self.outcomes.get(block=False) for _ in range(self.outcomes.qsize())])

    def upload(self, number: int, bucket: str = "photos") -> Upload:
        upload = self.source.upload(IDS[number], number=number)
        return replace(upload, object=replace(upload.object, bucket=bucket))

    def tries(self) -> int:
        return len(self.source.fetched)


def test_photos_that_s3_fails_to_give_wait_until_it_answers() -> None:
    rig = AwayRig()
    assert rig.step_all(rig.upload(0), rig.upload(1)) == {}
    assert rig.outages.ongoing(PHOTOS)
    assert rig.step_all(rig.upload(2)) == {}
    assert rig.source.fetched == IDS[:2], "others of its bucket are not tried in an outage"
    rig.come_back()
    rig.clock.seconds += 0.5
    assert rig.step_all() == dict.fromkeys(IDS[:3], 3)
    assert not rig.outages.ongoing(PHOTOS)


def test_one_photo_at_a_time_probes_and_they_take_turns() -> None:
    rig = AwayRig()
    rig.step_all(rig.upload(0), rig.upload(1), rig.upload(2))
    for _ in range(3):
        rig.clock.seconds += 30
        rig.step_all()
    assert rig.source.fetched[2:] == [IDS[0], IDS[1], IDS[2]]


def test_photos_of_other_buckets_flow_meanwhile() -> None:
    rig = AwayRig()
    rig.step_all(rig.upload(0), rig.upload(1))
    rig.source.photos[IDS[5]] = photo(4)
    assert rig.step_all(rig.upload(5, "others")) == {IDS[5]: 4}
    assert rig.outages.ongoing(PHOTOS)
    assert len(rig.prepare.room) == 2


@pytest.mark.parametrize("kind", [ObjectArchivedError, AccessDeniedError])
def test_objects_that_s3_refuses_are_no_outage_and_show_that_it_answers(kind: type[MessageError]) -> None:
    rig = AwayRig()
    rig.source.photos = dict.fromkeys(IDS[:4], kind("no"))
    assert set(rig.step_all(*(rig.upload(n) for n in range(4)))) == set(IDS[:4])
    assert not rig.outages.ongoing(PHOTOS)
    rig.source.photos = dict.fromkeys(IDS[:2], AWAY)
    rig.step_all(rig.upload(0), rig.upload(1))
    assert rig.outages.ongoing(PHOTOS)
    rig.source.photos[IDS[1]] = rig.source.photos[IDS[0]] = kind("no")
    rig.clock.seconds += 0.5
    assert rig.step_all() == dict.fromkeys(IDS[:2], kind.code)
    assert not rig.outages.ongoing(PHOTOS)


def test_a_photo_that_fails_alone_over_and_over_is_no_outage() -> None:
    rig = AwayRig()
    rig.step_all(rig.upload(0))
    for _ in range(50):
        rig.clock.seconds += 30
        rig.step_all()
    assert rig.tries() == 51
    assert rig.outages.longest() == (0.0, "")
    assert not rig.outages.ongoing(PHOTOS)


def test_a_photo_that_fails_again_though_others_were_read_meanwhile_is_released() -> None:
    rig = AwayRig(1)
    rig.source.photos[IDS[1]] = photo(4)
    assert rig.step_all(rig.upload(0), rig.upload(1)) == {IDS[1]: 4}
    assert rig.step_all() == {IDS[0]: "storage_trouble"}
    assert len(rig.prepare.room) == 0


def test_a_full_room_takes_nothing_more() -> None:
    rig = AwayRig()
    rig.prepare.room = WaitingRoom(2, rig.outages, rig.clock)
    rig.step_all(*(rig.upload(n) for n in range(4)))
    assert (len(rig.prepare.room), rig.uploads.qsize()) == (2, 2)
    rig.come_back()
    rig.clock.seconds += 0.5
    assert rig.step_all() == dict.fromkeys(IDS[:4], 3)


def test_a_message_that_came_again_replaces_its_photo() -> None:
    rig = AwayRig()
    rig.step_all(rig.upload(0), rig.upload(1))
    again = replace(rig.upload(1), message=message(number=1, receive_count=2))
    rig.step_all(again)
    assert sorted(one.message.receive_count for one in rig.prepare.room.leave()) == [1, 2]


def test_two_records_of_one_message_wait_side_by_side() -> None:
    source = ScriptedSource(photos={IDS[0]: StorageError("away")})
    rig = StageRig(source)
    for number in range(2):
        rig.uploads.put(replace(source.upload(IDS[0]), record=number))
        rig.prepare.step()
    assert len(rig.prepare.room) == 2


@pytest.mark.parametrize("end", ["stopping", "uploads are closed"])
def test_at_a_stop_the_photos_that_wait_are_returned(end: str) -> None:
    rig = AwayRig()
    rig.step_all(rig.upload(0), rig.upload(1))
    if end == "stopping":
        rig.stopping.set()
        rig.prepare.step()
    else:
        rig.uploads.shutdown()
        with pytest.raises(ShutDown):
            rig.prepare.step()
    outcomes = [rig.outcomes.get(block=False) for _ in range(2)]
    assert [one.verdict for one in outcomes] == [Verdict.RETURN] * 2
    assert len(rig.prepare.room) == 0


def test_helpers_that_end_at_the_same_time_leave_nothing_in_the_room() -> None:
    rig = AwayRig(40)
    rig.prepare.room.look = 0.01
    pipeline = rig.pipeline()
    pipeline.start()
    rig.uploads.put_all(rig.upload(n) for n in range(40))
    eventually(lambda: len(rig.prepare.room) == 40)
    rig.stopping.set()
    pipeline.close()
    assert pipeline.join(rig.clock() + 20) == []
    assert pipeline.error is None
    assert {outcome.message.message_id for outcome in rig.source.settled} == {
        f"message-{n}" for n in range(40)
    }
    assert {outcome.verdict for outcome in rig.source.settled} == {Verdict.RETURN}
    assert len(rig.prepare.room) == 0


def test_an_outcome_passes_the_model_by() -> None:
    rig = StageRig()
    passing = Skipped(message(), rig.source)
    rig.uploads.put(passing)
    rig.prepare.step()
    assert rig.outcomes.get(block=False) is passing


@pytest.mark.parametrize(
    ("data", "step"),
    [(ObjectGoneError("gone"), "fetch"), (b"no image", "decode")],
    ids=["not there", "no photo"],
)
def test_the_time_until_a_failure_is_in_the_timings_and_counts_for_the_objective(
    data: bytes | MessageError, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = ScriptedSource(photos={IDS[0]: data})
    rig = StageRig(source)
    if step == "fetch":
        monkeypatch.setattr(source, "fetch", rig.slowly(2.0, source.fetch))
    else:
        monkeypatch.setattr(rig.decoder, "decode", rig.slowly(2.0, rig.decoder.decode))
    rig.uploads.put(source.upload(IDS[0]))
    rig.prepare.step()
    rig.commit.step()
    timings = rig.store.results[IDS[0]].timings_ms
    assert (timings[step], timings["total"]) == (2000, 2000)
    assert rig.telemetry.counts[f"objective_missed_by_{step}"] == 1


def test_a_photos_deadline_counts_from_its_upload() -> None:
    source = ScriptedSource(photos={IDS[0]: photo(2)})
    rig = StageRig(source)
    upload = source.upload(IDS[0])
    late = replace(upload.message, received_at=START + timedelta(seconds=0.7))
    rig.uploads.put(replace(upload, message=late))
    rig.clock.seconds += 0.2
    rig.prepare.step()
    assert rig.ready.get().deadline == pytest.approx(rig.clock.seconds - 0.9 + 1.0)


@pytest.mark.parametrize("ahead", ["uploaded_at", "sent_at", "received", "both"])
def test_a_clock_that_runs_ahead_never_makes_a_time_negative(ahead: str) -> None:
    source = ScriptedSource(photos={IDS[0]: photo(2)})
    rig = StageRig(source)
    upload, future = source.upload(IDS[0]), START.replace(year=2027)
    if ahead in {"uploaded_at", "both"}:
        upload = replace(upload, uploaded_at=future.replace(year=2028))
    if ahead in {"sent_at", "both"}:
        upload = replace(upload, message=replace(upload.message, sent_at=future))
    if ahead == "received":
        upload = replace(upload, message=replace(upload.message, received=rig.clock.seconds + 10.0))
    (outcome,) = rig.infer_all(upload)
    assert isinstance(outcome, Scored)
    assert min(outcome.timings.values()) >= 0


@pytest.mark.parametrize("closed", ["uploads", "ready"])
def test_helpers_beyond_the_window_notice_the_end_from_either_queue(closed: str) -> None:
    source = ScriptedSource(photos={IDS[0]: photo(2)})
    rig = StageRig(source)
    beyond = 7  # the highest rank; the window of a photo that took no time is smaller
    rig.uploads.put(source.upload(IDS[0]))
    rig.prepare.step()
    rig.ready.get()
    assert not rig.window.admits(beyond, 0.0)
    rig.uploads.put(source.upload(IDS[0]))
    (rig.uploads if closed == "uploads" else rig.ready).shutdown(immediate=True)
    with pytest.raises(ShutDown):
        rig.prepare.step()
    assert rig.window.admits(beyond, 0.0)
