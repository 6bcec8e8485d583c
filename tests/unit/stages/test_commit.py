"""commit: writes before it settles, keeps results until the store confirms, counts every millisecond."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from tests.support import bodies
from tests.support.fakes import START, ImpatientEvent, PickyModel, ScriptedSource, message
from tests.support.stage_rig import IDS, StageRig, answers, body, photo
from worker.errors import (
    AccessDeniedError,
    EmptyObjectError,
    Part,
    StoppingError,
    UnknownBodyError,
    UnsupportedFormatError,
    Verdict,
)
from worker.messages import Answer, Failed, Outcome, Scored, Scores, Skipped, Written
from worker.pipeline.queues import ShutDown
from worker.result import DuplicateOf, Inference, Tip, timestamp
from worker.stages import commit


def test_the_timings_add_up_from_upload_to_write() -> None:
    source = ScriptedSource(photos={IDS[0]: photo(2)})
    rig = StageRig(source)
    upload = source.upload(IDS[0])
    rig.uploads.put(upload)
    rig.clock.seconds += 1  # in the queue
    rig.prepare.step()
    rig.clock.seconds += 2  # for its batch
    rig.infer.steps[0]()
    rig.clock.seconds += 4  # for its write
    rig.commit.step()
    timings = rig.store.results[IDS[0]].timings_ms
    assert timings["wait"] == 1000
    assert timings["batch_wait"] == 2000
    assert timings["commit"] == 4000
    assert timings["total"] == 7000


@pytest.mark.parametrize(("waits", "counted"), [(0.5, "objective_met"), (2.0, "objective_missed_by_wait")])
def test_met_and_missed_objectives_are_counted_by_the_slowest_step(waits: float, counted: str) -> None:
    source = ScriptedSource(photos={IDS[0]: photo(2)})
    rig = StageRig(source)
    rig.uploads.put(source.upload(IDS[0]))
    rig.clock.seconds += waits
    rig.prepare.step()
    rig.clock.seconds += 0.1
    rig.infer.steps[0]()
    rig.commit.step()
    assert rig.telemetry.counts[counted] == 1


@pytest.mark.parametrize(
    ("milliseconds", "counted"), [(1001.0, "objective_met"), (1001.5, "objective_missed")]
)
def test_a_photo_that_takes_exactly_the_objective_meets_it(milliseconds: float, counted: str) -> None:
    rig = StageRig()
    rig.commit.objective_seconds = 1.001  # times 1000 this is a little less than 1001
    upload, error = rig.source.upload(IDS[0]), EmptyObjectError("no bytes")
    rig.outcomes.put(Failed(upload, error, {"notify": milliseconds}, at=rig.clock()))
    rig.commit.step()
    assert rig.telemetry.counts[counted] == 1


def test_commit_writes_before_it_settles() -> None:
    source = ScriptedSource(photos={IDS[0]: photo(2)})
    rig = StageRig(source)
    rig.commit_all(source.upload(IDS[0]))
    assert rig.store.results[IDS[0]].score == 2
    rig.commit.step()
    assert [o.verdict for o in source.settled] == [Verdict.ACKNOWLEDGE]  # once


def test_under_load_messages_are_deleted_ten_at_a_time_and_the_rest_once_the_queue_is_empty() -> None:
    source = ScriptedSource(photos={key: photo(2) for key in IDS[:24]})
    rig = StageRig(source, linger=0.001)
    rig.commit_all(*(source.upload(key) for key in IDS[:8]))
    assert (len(rig.store.results), len(source.settled)) == (8, 0)
    rig.commit_all(*(source.upload(key) for key in IDS[8:16]))
    assert (len(rig.store.results), len(source.settled)) == (16, 10)
    rig.commit.step()  # nothing more comes
    assert len(source.settled) == 16


def test_commit_waits_longer_for_outcomes_if_nothing_waits_to_be_deleted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rig = StageRig(linger=0.001)
    waits, get = list[float | None](), rig.outcomes.get

    def note_wait(*, block: bool = True, timeout: float | None = None) -> Outcome:
        waits.append(timeout if block else 0)
        return get(block=False)

    monkeypatch.setattr(rig.outcomes, "get", note_wait)
    for number in range(3):
        rig.outcomes.put(Skipped(message(number=number), rig.source))
    for expected in (commit.IDLE, rig.commit.linger, commit.IDLE):
        rig.commit.step()
        assert waits[0] == expected
        waits.clear()
    assert len(rig.source.settled) == 3


def test_a_release_does_not_wait_for_a_full_delete_call() -> None:
    source = ScriptedSource(photos={IDS[0]: AccessDeniedError("403")})
    rig = StageRig(source, linger=60.0)
    rig.commit_all(source.upload(IDS[0]))
    assert [o.verdict for o in source.settled] == [Verdict.RELEASE]


@pytest.mark.parametrize("end", ["closed", "the store is away"])
def test_finished_messages_do_not_wait_for_others_that_may_never_come(end: str) -> None:
    source = ScriptedSource(photos={key: photo(2) for key in IDS[:2]})
    rig = StageRig(source, linger=60.0)
    first, second = rig.infer_all(*(source.upload(key) for key in IDS[:2]))
    rig.outcomes.put(first)
    rig.commit.step()
    assert source.settled == []
    if end == "closed":
        rig.outcomes.shutdown()
        with pytest.raises(ShutDown):
            rig.commit.step()
    else:
        rig.store.away = True
        rig.outcomes.put(second)
        rig.commit.step()
    assert source.settled == [first]


def with_results_to_write(*, also: Skipped) -> StageRig:
    """A rig whose store is away, with two scored photos before commit and another outcome."""
    source = ScriptedSource(photos={key: photo(3) for key in IDS[:2]})
    rig = StageRig(source)
    for outcome in [*rig.infer_all(*(source.upload(key) for key in IDS[:2])), replace(also, source=source)]:
        rig.outcomes.put(outcome)
    rig.store.away = True
    return rig


def test_commit_keeps_results_until_the_store_confirms_them() -> None:
    left = Skipped(message(number=9), ScriptedSource(), UnknownBodyError("no JSON"))
    rig = with_results_to_write(also=left)
    for _ in range(3):
        rig.commit.step()
    # an outcome that needs no store does not wait for it
    assert [o.verdict for o in rig.source.settled] == [Verdict.LEAVE]
    assert isinstance(rig.outcomes.cancelled, ImpatientEvent)
    assert rig.outcomes.cancelled.waits == [0.0, 0.5]
    assert rig.outages.ongoing(Part.STORE)
    rig.store.away = False
    rig.commit.step()
    assert set(rig.store.results) == set(IDS[:2])
    assert [o.verdict for o in rig.source.settled[1:]] == [Verdict.ACKNOWLEDGE] * 2
    assert not rig.outages.ongoing(Part.STORE)


def test_commit_looks_soon_whether_the_store_is_back_however_long_it_was_away() -> None:
    rig = with_results_to_write(also=Skipped(message(number=9), ScriptedSource()))
    rig.commit.step()
    for _ in range(4):
        rig.clock.seconds += 100
        rig.commit.step()
    assert isinstance(rig.outcomes.cancelled, ImpatientEvent)
    assert rig.outcomes.cancelled.waits[-1] == commit.LONGEST_PAUSE


def test_commit_takes_no_more_outcomes_while_it_keeps_results() -> None:
    rig = with_results_to_write(also=Skipped(message(number=9), ScriptedSource()))
    rig.commit.step()
    rig.outcomes.put(Skipped(message(number=10), rig.source))
    rig.commit.step()
    assert rig.outcomes.qsize() == 1


def test_commit_with_unwritten_results_ends_when_cancelled_but_not_when_its_input_is_closed() -> None:
    rig = with_results_to_write(also=Skipped(message(number=9), ScriptedSource()))
    rig.commit.step()
    rig.outcomes.shutdown()
    rig.commit.step()
    rig.outcomes.shutdown(immediate=True)
    with pytest.raises(ShutDown):
        rig.commit.step()
    assert rig.store.results == {}


def test_commit_writes_a_failed_result_for_a_bad_photo_and_acknowledges_it() -> None:
    source = ScriptedSource(photos={IDS[0]: b"text"})
    rig = StageRig(source)
    rig.commit_all(source.upload(IDS[0]))
    result = rig.store.results[IDS[0]]
    assert (result.status, result.score, result.error and result.error.code) == (
        "failed",
        None,
        UnsupportedFormatError.code,
    )
    assert [o.verdict for o in source.settled] == [Verdict.ACKNOWLEDGE]


def test_commit_releases_a_photo_that_was_overwritten_meanwhile() -> None:
    source = ScriptedSource(photos={key: photo(2) for key in IDS[:2]})
    rig = StageRig(source)
    rig.store.overtaken.add(IDS[0])
    rig.commit_all(*(source.upload(key) for key in IDS[:2]))
    verdicts = {o.upload.photo.image_id: o.verdict for o in source.settled if not isinstance(o, Skipped)}
    assert verdicts == {IDS[0]: Verdict.RELEASE, IDS[1]: Verdict.ACKNOWLEDGE}
    assert set(rig.store.results) == {IDS[1]}


def test_a_photo_that_was_forgotten_after_its_upload_leaves_no_result_and_no_message() -> None:
    source = ScriptedSource(photos={key: photo(2) for key in IDS[:2]})
    rig = StageRig(source)
    rig.store.forgotten = {IDS[0]: START, IDS[1]: START - timedelta(seconds=1)}
    with capture_logs() as logs:
        rig.commit_all(*(source.upload(key) for key in IDS[:2]))
    assert {"event": "forgotten", "log_level": "info", "image_id": IDS[0]} in logs
    assert [outcome.verdict for outcome in source.settled] == [Verdict.ACKNOWLEDGE] * 2
    assert set(rig.store.results) == {IDS[1]}
    assert (rig.telemetry.counts["forgotten"], rig.telemetry.counts["photos_scored"]) == (1, 1)


@pytest.mark.parametrize(
    ("uploaded", "sent", "begun"), [(0, 5, 0), (5, 0, 0), (None, 5, 5), (5, None, 5), (None, None, None)]
)
def test_an_upload_began_when_it_was_stored_or_announced_first(
    uploaded: int | None, sent: int | None, begun: int | None
) -> None:
    moments = [
        None if later is None else START + timedelta(seconds=later) for later in (uploaded, sent, begun)
    ]
    upload = ScriptedSource(photos={}).upload("one")
    upload = replace(upload, uploaded_at=moments[0], message=replace(upload.message, sent_at=moments[1]))
    assert upload.begun_at == moments[2]


@pytest.mark.parametrize(("behind", "written"), [(4, True), (6, False)])
@pytest.mark.parametrize("way", ["request", "notification"])
def test_the_clock_of_the_api_may_be_a_few_seconds_behind_when_a_forgotten_photo_is_uploaded_again(
    way: str, behind: int, written: bool
) -> None:
    uploaded_at = timestamp(START - timedelta(seconds=behind))
    text = json.dumps(bodies.direct("photos", IDS[0], uploaded_at=uploaded_at))
    if way == "notification":
        text = body(IDS[0], sequencer="01").replace(timestamp(START), uploaded_at)
    rig = StageRig(ScriptedSource([message(text)], photos={IDS[0]: photo(2)}))  # sent at START
    rig.store.forgotten = {IDS[0]: START - timedelta(seconds=1)}
    rig.poll.step()
    rig.prepare.step()
    rig.infer.steps[0]()
    rig.commit.step()
    assert set(rig.store.results) == ({IDS[0]} if written and way == "request" else set())


def test_a_result_that_the_store_refuses_is_set_aside_and_the_others_go_on() -> None:
    source = ScriptedSource(photos={key: photo(2) for key in IDS[:3]})
    rig = StageRig(source)
    rig.store.refused.add(IDS[1])
    rig.commit_all(*(source.upload(key) for key in IDS[:3]))
    assert answers(source.settled) == {IDS[0]: 2, IDS[1]: "result_refused", IDS[2]: 2}
    assert [o.verdict for o in source.settled] == [Verdict.ACKNOWLEDGE, Verdict.RELEASE, Verdict.ACKNOWLEDGE]
    assert not rig.outages.ongoing(Part.STORE)
    assert rig.telemetry.counts["released"] == 1


def test_what_is_not_written_keeps_its_reason_its_times_and_its_moment() -> None:
    rig = StageRig()
    outcome, *_ = outcomes_of_all_kinds(rig)
    rig.store.refused.add(IDS[0])
    rig.outcomes.put(outcome)
    rig.commit.step()
    (undone,) = rig.source.settled
    assert isinstance(undone, Failed)
    assert isinstance(outcome, Scored)
    assert (undone.timings, undone.at) == (outcome.timings, outcome.at)
    assert (undone.error.code, str(undone.error)) == ("result_refused", "")
    assert undone.error.verdict is Verdict.RELEASE


def test_commit_shows_signs_of_life_before_each_call_that_may_take_long() -> None:
    source = ScriptedSource(photos={key: photo(2) for key in IDS[:25]})
    rig = StageRig(source, models=[PickyModel(largest_batch=25)])
    uploads = [source.upload(key) for key in IDS[:25]]
    for outcome in rig.infer_all(*uploads):
        rig.outcomes.put(outcome)
    signs = list[tuple[int, int]]()
    rig.outcomes.alive = lambda: signs.append((len(rig.store.results), len(source.settled)))
    rig.commit.step()
    assert signs == [(0, 0), (25, 0), (25, 10), (25, 20)]
    assert len(source.settled) == 25


def test_commit_gives_each_source_its_own_outcomes_together() -> None:
    rig = StageRig()
    sources = [ScriptedSource(), ScriptedSource()]
    for number in range(6):
        rig.outcomes.put(Skipped(message(number=number), sources[number % 2]))
    rig.commit.step()
    assert [source.calls for source in sources] == [[3], [3]]
    assert all(o.source is source for source in sources for o in source.settled)


@pytest.mark.parametrize("stage", ["help", "infer", "commit"])
def test_a_stage_ends_once_its_input_is_closed_and_empty(stage: str) -> None:
    rig = StageRig()
    for queue in (rig.uploads, rig.ready, rig.outcomes):
        queue.shutdown()
    step = {"help": rig.prepare.step, "infer": rig.infer.steps[0], "commit": rig.commit.step}[stage]
    with pytest.raises(ShutDown):
        step()


def outcomes_of_all_kinds(rig: StageRig) -> list[Outcome]:
    """A score that was reused, a bad photo, one that S3 refused and one that was not begun, all a second old."""
    source = rig.source
    uploads = [source.upload(image_id, number=n) for n, image_id in enumerate(IDS[:4], 1)]
    uploads = [replace(u, photo=u.photo._replace(owner="ada")) for u in uploads]
    inference = Inference(score_probs=None, score_mean=3.9, food_probability=0.9, labels=None)
    scores = Scores(4, 3.9, Tip(id="tip", text="Good."), {"m": inference}, {"m": "7"}, reused_from=IDS[9])
    at = rig.clock.seconds - 1
    timings = {"fetch": 2.344, "decode": 3.0}
    scored = Scored(uploads[0], scores, "phash-1:00ff00ff00ff00ff", None, timings, at, "thumbnail")
    errors = [UnsupportedFormatError("no picture"), AccessDeniedError("403"), StoppingError("not begun")]
    failed = [Failed(u, error, {"fetch": 2.0}, at=at) for u, error in zip(uploads[1:], errors, strict=True)]
    return [scored, *failed]


def test_a_result_has_all_that_is_known_of_its_photo() -> None:
    rig = StageRig()
    for outcome in outcomes_of_all_kinds(rig):
        rig.outcomes.put(outcome)
    rig.commit.step()
    scored, failed = (rig.store.results[image_id].model_dump() for image_id in IDS[:2])
    common = {
        "schema_version": 1,
        "owner": "ada",
        "duplicate_of": None,
        "scored_at": "2026-01-01T00:00:00.000Z",
    }
    for result in (scored, failed):
        assert result["source"]["key"] == result["image_id"]
        assert {name: result[name] for name in common} == common
    shown = (
        "image_id",
        "status",
        "score",
        "score_mean",
        "tip",
        "image_hash",
        "decoded",
        "reused_from",
        "models",
        "error",
    )
    assert [scored[name] for name in shown] == [
        *(IDS[0], "scored", 4, 3.9, {"id": "tip", "text": "Good."}, "phash-1:00ff00ff00ff00ff"),
        *("thumbnail", IDS[9]),
        *({"m": "7"}, None),
    ]
    assert scored["inference"]["m"]["food_probability"] == 0.9
    assert scored["timings_ms"] == {"fetch": 2.34, "decode": 3.0, "commit": 1000.0, "total": 1005.34}
    assert [failed[name] for name in shown] == [
        *(IDS[1], "failed", None, None, None, None, None, None, {"picky": "1"}),
        {"code": "unsupported_format", "message": "no picture"},
    ]
    assert failed["timings_ms"] == {"fetch": 2.0, "commit": 1000.0, "total": 1002.0}


def test_a_photo_without_a_score_is_not_recognised() -> None:
    rig = StageRig()
    scores = Scores(None, None, None, {}, {"m": "7"})
    rig.outcomes.put(Scored(rig.source.upload(IDS[0]), scores, None, None, {}, at=rig.clock()))
    rig.commit.step()
    assert rig.store.results[IDS[0]].status == "unrecognised"
    assert rig.telemetry.counts["photos_unrecognised"] == 1


def test_each_outcome_is_logged_and_counted_by_what_became_of_it() -> None:
    rig = StageRig()
    rig.store.away = True
    for outcome in outcomes_of_all_kinds(rig):
        rig.outcomes.put(outcome)
    with capture_logs() as logs:
        rig.commit.step()
        rig.store.away = False
        rig.commit.step()
    timings = {"fetch": 2.0, "commit": 1000.0, "total": 1002.0}
    photo_fields = {"duplicate_of": None, "receive_count": 1, "log_level": "info"}
    assert logs == [
        {
            "event": "released",
            "log_level": "warning",
            "image_id": IDS[2],
            "code": "access_denied",
            "reason": "403",
            "receive_count": 1,
        },
        {"event": "write_failed", "log_level": "warning", "reason": "Redis does not answer", "photos": 2},
        {
            **photo_fields,
            "event": "scored",
            "image_id": IDS[0],
            "score": 4,
            "code": None,
            "timings_ms": {"fetch": 2.3, "decode": 3.0, "commit": 1000.0, "total": 1005.3},
        },
        {
            **photo_fields,
            "event": "failed",
            "image_id": IDS[1],
            "score": None,
            "code": "unsupported_format",
            "timings_ms": timings,
        },
    ]
    counted = {"released": 1, "returned": 1, "write_failed": 1, "photos_scored": 1, "photos_failed": 1}
    missed = {"scores_reused": 1, "objective_missed": 2, "objective_missed_by_commit": 2}
    assert rig.telemetry.counts == {**counted, **missed}


def test_what_was_known_or_is_a_duplicate_is_logged_and_counted_as_such() -> None:
    rig = StageRig()
    scored, failed, *_ = outcomes_of_all_kinds(rig)
    original = DuplicateOf(image_id=IDS[8], distance=3, kind="near")
    rig.store.write = lambda *_: [  # type: ignore[method-assign] # as a store that knows other photos
        Written(Answer.WRITTEN, original),
        Written(Answer.KNOWN),
    ]
    for outcome in (scored, failed):
        rig.outcomes.put(outcome)
    with capture_logs() as logs:
        rig.commit.step()
    assert [(line["event"], line["duplicate_of"]) for line in logs] == [
        ("scored", IDS[8]),
        ("already_scored", None),
    ]
    assert rig.telemetry.counts["duplicates_near"] == 1
    assert rig.telemetry.counts["photos_already_scored"] == 1
    assert rig.source.settled == [scored, failed]


def test_an_outage_of_the_store_has_its_reason() -> None:
    rig = StageRig()
    rig.store.away = True
    rig.outcomes.put(outcomes_of_all_kinds(rig)[0])
    rig.commit.step()
    rig.clock.seconds += 1
    rig.commit.step()
    assert rig.outages.longest() == (1.0, f"{Part.STORE.value} fails: Redis does not answer")
