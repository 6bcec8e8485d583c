"""prepare: fetching and decoding, photos that fail alone, outcomes that pass the model by."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.support.fakes import START, ScriptedSource, message
from tests.support.stage_rig import IDS, StageRig, answers, photo
from worker.errors import (
    MessageError,
    ObjectGoneError,
    OutOfMemoryError,
    Part,
    StorageError,
    TooManyBytesError,
    Verdict,
)
from worker.messages import Failed, Scored, Skipped
from worker.photos import decoding
from worker.pipeline.queues import ShutDown


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty_object"),
        (b"text called .jpg", "unsupported_format"),
        (photo(1)[:45], "unreadable_image"),
        (ObjectGoneError("not there"), "object_gone"),
        (TooManyBytesError("too many came"), "too_many_bytes"),
        (StorageError("throttled"), "storage_trouble"),
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


def test_failed_fetches_are_an_outage_until_storage_answers() -> None:
    away = StorageError("503")
    source = ScriptedSource(photos={IDS[0]: away, IDS[1]: away, IDS[2]: ObjectGoneError("gone")})
    rig = StageRig(source)
    rig.infer_all(source.upload(IDS[0]), source.upload(IDS[1]))
    assert rig.outages.ongoing(Part.STORAGE)
    rig.infer_all(source.upload(IDS[2]))
    assert not rig.outages.ongoing(Part.STORAGE)


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
        monkeypatch.setattr(decoding, "prepare", rig.slowly(2.0, decoding.prepare))
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


def test_a_clock_that_runs_ahead_never_makes_a_time_negative() -> None:
    source = ScriptedSource(photos={IDS[0]: photo(2)})
    rig = StageRig(source)
    upload = source.upload(IDS[0])
    late = replace(upload.message, sent_at=rig.clock.now().replace(year=2027))
    rig.infer_all(replace(upload, message=late))
    rig.infer_all(replace(upload, uploaded_at=rig.clock.now().replace(year=2027)))
    (outcome,) = rig.infer_all(replace(upload, message=late))
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
