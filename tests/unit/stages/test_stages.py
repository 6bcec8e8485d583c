"""Each stage's step, called without a thread, with sources, stores and models named for what they do."""

import io
import json
import re
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from PIL import Image

from tests.support.fakes import (
    START,
    CrampedModel,
    ForgetfulModel,
    ImpatientEvent,
    ManualClock,
    MemoryStore,
    PickyModel,
    ScriptedSource,
    message,
)
from worker.errors import (
    MessageError,
    ModelError,
    ObjectGoneError,
    QueueError,
    StorageError,
    TooManyBytesError,
    UnknownBodyError,
    UnsupportedFormatError,
    Verdict,
)
from worker.inference.serving import Serving
from worker.messages import Outcome, Prepared, Upload
from worker.photos import decoding
from worker.photos.hashes import PHASH
from worker.pipeline.outages import Outages, Part
from worker.pipeline.prefetch import PrefetchWindow
from worker.pipeline.queues import BoundedQueue, ShutDown
from worker.pipeline.service_times import ServiceTimes
from worker.results.reuse import Reuse, ScoreReuse
from worker.settings import UUID_SEGMENT
from worker.stages.commit import Commit
from worker.stages.infer import Infer
from worker.stages.poll import Poll, Rules
from worker.stages.prepare import Limits, Prepare
from worker.telemetry.counters import Telemetry

IDS = [f"{n:08d}-0000-4000-8000-000000000000" for n in range(100)]


def body(*keys: str, bucket: str = "photos") -> str:
    """An S3 notification with a record for each key."""
    records = [
        {
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "eventName": "ObjectCreated:Put",
            "eventTime": "2026-01-01T00:00:00.000Z",
            "s3": {"bucket": {"name": bucket}, "object": {"key": key, "size": 5, "eTag": f"etag-of-{key}"}},
        }
        for key in keys
    ]
    return json.dumps({"Records": records})


def photo(red: int, blue: int = 0) -> bytes:
    """A photo that PickyModel scores by its red; another blue makes other bytes of it."""
    stream = io.BytesIO()
    Image.new("RGB", (8, 8), (red, 0, blue)).save(stream, "PNG")
    return stream.getvalue()


class Bench:
    """The three stages on small queues, and everything around them."""

    def __init__(
        self,
        source: ScriptedSource | None = None,
        *,
        size: int = 64,
        models: list[PickyModel] | None = None,
        replicas: list[list[PickyModel]] | None = None,
        linger: float = 0.0,
        reuse: Reuse = "exact",
    ) -> None:
        self.clock = ManualClock()
        self.source = source or ScriptedSource()
        self.store = MemoryStore()
        self.models = models or (replicas or [[PickyModel()]])[0]
        self.versions = {model.bundle.name: "1" for model in self.models}
        self.uploads: BoundedQueue[Upload | Outcome] = BoundedQueue(size)
        self.ready: BoundedQueue[Prepared] = BoundedQueue(size)
        self.outcomes: BoundedQueue[Outcome] = BoundedQueue(size)
        self.stopping = ImpatientEvent()
        self.outcomes.cancelled = ImpatientEvent()
        self.outages = Outages(self.clock, lambda: 0.0)
        self.telemetry = telemetry = Telemetry()
        self.serving = Serving(replicas or [self.models])
        self.poll = Poll(
            queue=self.source,
            results=self.store,
            uploads=self.uploads,
            rules=Rules(frozenset({"photos"}), re.compile(UUID_SEGMENT)),
            models=lambda: self.serving.versions,
            telemetry=telemetry,
            outages=self.outages,
            stopping=self.stopping,
        )
        self.window = PrefetchWindow(2, 8, lambda: 100.0)
        self.prepare = Prepare(
            uploads=self.uploads,
            ready=self.ready,
            outcomes=self.outcomes,
            target=self.models[0].bundle.manifest.input.target,
            limits=Limits(max_bytes=1000, max_pixels=100, decoders=2),
            algorithm=PHASH,
            window=self.window,
            objective=1.0,
            originals=ScoreReuse(
                self.store,
                lambda: self.serving.versions,
                PHASH,
                reuse,
                telemetry=telemetry,
                outages=self.outages,
            ),
            outages=self.outages,
            stopping=self.stopping,
            clock=self.clock,
        )
        self.infer = Infer(
            ready=self.ready,
            outcomes=self.outcomes,
            serving=self.serving,
            service_times=ServiceTimes(),
            batch_wait=0.0,
            telemetry=telemetry,
            outages=self.outages,
            clock=self.clock,
        )
        self.commit = Commit(
            outcomes=self.outcomes,
            store=self.store,
            models=lambda: self.serving.versions,
            telemetry=telemetry,
            outages=self.outages,
            clock=self.clock,
            now=self.clock.now,
            objective=1000,
            linger=linger,
        )

    def infer_all(self, *uploads: Upload) -> list[Outcome]:
        for upload in uploads:
            self.uploads.put(upload)
            self.prepare.step()
        self.infer.steps[0]()
        return [self.outcomes.get(block=False) for _ in range(self.outcomes.qsize())]


# poll


def test_poll_asks_for_no_more_messages_than_there_is_room_for() -> None:
    bench = Bench(ScriptedSource([message(body(key), number=n) for n, key in enumerate(IDS[:5])]), size=3)
    bench.poll.step()
    assert bench.source.asked_for == [3]
    bench.uploads.get()
    bench.poll.step()
    assert bench.source.asked_for == [3, 1]


def test_poll_waits_for_room_for_a_full_receive_unless_the_queue_is_too_small_for_one() -> None:
    bench = Bench(ScriptedSource([message(body(*IDS[:14]))]), size=20)
    bench.poll.step()
    for _ in range(3):
        bench.uploads.get()
    assert bench.uploads.room(wanted=1, timeout=0.0) == 9
    threading.Timer(0.01, bench.uploads.get).start()
    bench.poll.step()
    assert bench.source.asked_for == [10, 10]


def test_more_receivers_join_in_while_full_receives_come_too_late() -> None:
    messages = [message(body(key), number=n) for n, key in enumerate(IDS[:25])]
    bench = Bench(ScriptedSource(messages))
    rest = ImpatientEvent()
    bench.poll._starving = rest
    bench.poll.step_beside()
    assert (bench.source.asked_for, rest.waits) == ([], [1.0])  # nothing says that it is needed
    bench.poll.step()  # ten, and there was nothing left
    bench.poll.step_beside()
    assert bench.source.asked_for == [10, 10]
    bench.poll.step()  # five of ten: the queue is empty
    bench.poll.step_beside()
    assert bench.source.asked_for == [10, 10, 10]


def test_one_receiver_is_enough_to_find_out_whether_an_outage_is_over() -> None:
    messages = [message(body(key), number=n) for n, key in enumerate(IDS[:20])]
    bench = Bench(ScriptedSource(messages))
    bench.poll._starving = ImpatientEvent()
    bench.poll.step()
    for _ in range(2):
        bench.outages.failed(Part.STORAGE, "503")
    bench.uploads.queue.clear()
    bench.poll.step()
    bench.poll.step_beside()
    assert bench.source.asked_for == [10, 1]


def test_one_receiver_is_enough_while_photos_are_left_when_it_comes_back() -> None:
    messages = [message(body(key), number=n) for n, key in enumerate(IDS[:20])]
    bench = Bench(ScriptedSource(messages))
    bench.uploads.put(bench.source.upload(IDS[30]))
    bench.poll._starving = ImpatientEvent()
    bench.poll.step()
    bench.poll.step_beside()
    assert bench.source.asked_for == [10]


def test_poll_asks_for_ten_at_most() -> None:
    bench = Bench()
    bench.poll.step()
    assert bench.source.asked_for == [10]


def test_poll_ends_when_the_queue_behind_it_is_closed() -> None:
    bench = Bench()
    bench.uploads.shutdown()
    with pytest.raises(ShutDown):
        bench.poll.step()


def test_poll_hands_on_every_record_of_a_message() -> None:
    bench = Bench(ScriptedSource([message(body(*IDS[:3]))]))
    bench.poll.step()
    items = [bench.uploads.get() for _ in range(3)]
    assert [item.image_id for item in items if isinstance(item, Upload)] == IDS[:3]
    assert {item.message.records for item in items} == {3}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("no JSON", "unknown_body"),
        (body("no-id.jpg"), "no_image_id"),
        (body(IDS[0], bucket="others"), "foreign_bucket"),
    ],
)
def test_poll_leaves_what_is_not_ours_to_the_dead_letter_queue(text: str, code: str) -> None:
    bench = Bench(ScriptedSource([message(text)]))
    bench.poll.step()
    outcome = bench.uploads.get()
    assert isinstance(outcome, Outcome)
    assert outcome.verdict is Verdict.LEAVE
    assert outcome.error is not None
    assert outcome.error.code == code


def test_poll_acknowledges_the_test_event() -> None:
    bench = Bench(ScriptedSource([message(json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent"}))]))
    bench.poll.step()
    outcome = bench.uploads.get()
    assert isinstance(outcome, Outcome)
    assert (outcome.verdict, outcome.error) == (Verdict.ACKNOWLEDGE, None)


def test_poll_waits_before_a_receive_once_two_have_failed_and_not_after_a_success() -> None:
    bench = Bench()
    bench.source.failures = [QueueError("away")] * 2
    bench.poll.step()
    bench.poll.step()
    assert bench.stopping.waits == []
    bench.poll.step()
    bench.poll.step()
    assert bench.stopping.waits == [0.5]


def test_poll_asks_for_one_message_while_nothing_can_be_finished() -> None:
    bench = Bench()
    for _ in range(2):
        bench.outages.failed(Part.STORAGE, "503")
    bench.poll.step()
    bench.outages.worked(Part.STORAGE)
    bench.poll.step()
    assert bench.source.asked_for == [1, 10]


def test_poll_gives_back_at_once_what_the_last_long_poll_brought() -> None:
    brought = message(body(IDS[0]))
    bench = Bench(ScriptedSource([brought]))
    bench.stopping.set()
    bench.poll.step()
    assert bench.source.given_back == [brought]
    assert bench.uploads.empty()


def scored_before(bench: Bench, key: str) -> None:
    """Let `key` go through all stages once."""
    bench.source.waiting = [message(body(key))]
    bench.source.photos[key] = photo(4)
    bench.poll.step()
    bench.prepare.step()
    bench.infer.steps[0]()
    bench.commit.step()


def test_poll_does_not_hand_on_a_photo_that_was_scored_before() -> None:
    bench = Bench()
    scored_before(bench, IDS[0])
    bench.source.waiting = [message(body(IDS[0]), number=2)]
    bench.poll.step()
    known = bench.uploads.get()
    assert isinstance(known, Outcome)
    assert (known.verdict, known.scored) == (Verdict.ACKNOWLEDGE, None)


def test_poll_scores_again_when_the_store_cannot_be_asked() -> None:
    bench = Bench()
    scored_before(bench, IDS[0])
    bench.store.away = True
    bench.source.waiting = [message(body(IDS[0]), number=2)]
    bench.poll.step()
    assert isinstance(bench.uploads.get(), Upload)


# infer


def test_infer_scores_a_batch_and_keeps_each_answer_with_its_photo() -> None:
    source = ScriptedSource(photos={key: photo(1 + n % 5, n) for n, key in enumerate(IDS[:6])})
    bench = Bench(source)
    outcomes = bench.infer_all(*(source.upload(key) for key in IDS[:6]))
    assert bench.models[0].batches == [6]
    scores = {o.upload.image_id: o.scored.score for o in outcomes if o.upload and o.scored}
    assert scores == {key: 1 + n % 5 for n, key in enumerate(IDS[:6])}


def test_infer_runs_several_models_on_the_same_batch_and_the_first_one_gives_the_score() -> None:
    source = ScriptedSource(photos={IDS[0]: photo(3)})
    bench = Bench(source, models=[PickyModel(name="one"), PickyModel(name="two")])
    (outcome,) = bench.infer_all(source.upload(IDS[0]))
    assert outcome.scored is not None
    assert set(outcome.scored.inference) == {"one", "two"}
    assert outcome.scored.score == 3


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
    bench = Bench(source)
    outcomes = bench.infer_all(*(source.upload(key) for key in IDS[:3]))
    said = {
        o.upload.image_id: o.error.code if o.error else o.scored and o.scored.score
        for o in outcomes
        if o.upload
    }
    assert said == {IDS[0]: 2, IDS[1]: code, IDS[2]: 4}


def test_a_photo_at_fault_is_named_by_the_bytes_that_were_read() -> None:
    source = ScriptedSource(photos={IDS[0]: b"text"})
    (outcome,) = Bench(source).infer_all(source.upload(IDS[0]))
    assert outcome.upload is not None
    assert outcome.upload.object.etag == f"etag-of-{IDS[0]}"


def test_a_photo_that_finds_no_memory_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_memory(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("PIL.Image.Image.convert", no_memory)
    source = ScriptedSource(photos={IDS[0]: photo(2)})
    (outcome,) = Bench(source).infer_all(source.upload(IDS[0]))
    assert (outcome.error and outcome.error.code, outcome.verdict) == ("out_of_memory", Verdict.RELEASE)


def test_infer_does_not_download_what_was_announced_as_too_large() -> None:
    source = ScriptedSource()
    (outcome,) = Bench(source).infer_all(source.upload(IDS[0], size=1001))
    assert isinstance(outcome.error, TooManyBytesError)


@pytest.mark.parametrize("count", [1, 2, 5, 8])
def test_a_batch_the_model_refuses_is_halved_until_the_guilty_photo_stands_alone(count: int) -> None:
    source = ScriptedSource(
        photos={key: photo(5 if key == IDS[0] else 3, n) for n, key in enumerate(IDS[:count])}
    )
    bench = Bench(source, models=[PickyModel(dislikes=5)])
    outcomes = bench.infer_all(*(source.upload(key) for key in IDS[:count]))
    assert len(outcomes) == count
    refused = [o.upload.image_id for o in outcomes if isinstance(o.error, ModelError) and o.upload]
    assert refused == [IDS[0]]
    assert {o.verdict for o in outcomes if o.error} == {Verdict.RELEASE}


def test_a_batch_that_finds_no_memory_is_halved_and_none_as_large_is_tried_again() -> None:
    source = ScriptedSource(photos={key: photo(3, n) for n, key in enumerate(IDS[:16])})
    model = CrampedModel(room=3)
    bench = Bench(source, models=[model])
    outcomes = bench.infer_all(*(source.upload(key) for key in IDS[:8]))
    assert [o.verdict for o in outcomes] == [Verdict.ACKNOWLEDGE] * 8
    assert model.batches == [8, 4, 2, 2, 2, 2]
    model.batches.clear()
    bench.infer_all(*(source.upload(key) for key in IDS[8:16]))
    assert model.batches == [2]


def test_uploads_that_were_not_started_at_a_stop_are_returned() -> None:
    source = ScriptedSource(photos={key: photo(3) for key in IDS[:2]})
    bench = Bench(source)
    bench.uploads.put(source.upload(IDS[0], number=1))
    bench.prepare.step()  # this one is in work
    bench.uploads.put(source.upload(IDS[1], number=2))
    bench.stopping.set()
    bench.prepare.step()
    bench.infer.steps[0]()
    verdicts = {o.message.message_id: o.verdict for o in (bench.outcomes.get(), bench.outcomes.get())}
    assert verdicts == {"message-1": Verdict.ACKNOWLEDGE, "message-2": Verdict.RETURN}


def test_photos_that_storage_does_not_give_are_an_outage_until_it_gives_one() -> None:
    away = StorageError("503")
    source = ScriptedSource(photos={IDS[0]: away, IDS[1]: away, IDS[2]: ObjectGoneError("gone")})
    bench = Bench(source)
    bench.infer_all(source.upload(IDS[0]), source.upload(IDS[1]))
    assert bench.outages.ongoing(Part.STORAGE)
    bench.infer_all(source.upload(IDS[2]))
    assert not bench.outages.ongoing(Part.STORAGE)


def test_a_model_that_refuses_every_photo_is_an_outage_until_it_takes_one() -> None:
    source = ScriptedSource(photos={IDS[0]: photo(3), IDS[1]: photo(3), IDS[2]: photo(4)})
    bench = Bench(source, models=[PickyModel(dislikes=3)])
    bench.infer_all(source.upload(IDS[0]), source.upload(IDS[1]))
    assert bench.outages.ongoing(Part.MODEL)
    bench.infer_all(source.upload(IDS[2]))
    assert not bench.outages.ongoing(Part.MODEL)


def test_a_model_that_answers_for_fewer_photos_than_it_got_scores_none() -> None:
    source = ScriptedSource(photos={key: photo(3) for key in IDS[:2]})
    bench = Bench(source, models=[ForgetfulModel()])
    outcomes = bench.infer_all(*(source.upload(key) for key in IDS[:2]))
    assert [type(o.error) for o in outcomes] == [ModelError, ModelError]


def test_what_needs_no_scoring_passes_the_model_by() -> None:
    bench = Bench()
    passing = Outcome(message(), bench.source)
    bench.uploads.put(passing)
    bench.prepare.step()
    assert bench.outcomes.get(block=False) is passing


def test_the_ledger_adds_up_from_the_upload_to_the_write() -> None:
    source = ScriptedSource(photos={IDS[0]: photo(2)})
    bench = Bench(source)
    upload = source.upload(IDS[0])
    bench.uploads.put(upload)
    bench.clock.seconds += 1  # in the queue
    bench.prepare.step()
    bench.clock.seconds += 2  # for its batch
    bench.infer.steps[0]()
    bench.clock.seconds += 4  # for its write
    bench.commit.step()
    timings = bench.store.results[IDS[0]].timings_ms
    assert timings["wait"] == 1000
    assert timings["batch_wait"] == 2000
    assert timings["commit"] == 4000
    assert timings["total"] == 7000


def taking(bench: Bench, seconds: float, then: Callable[..., object]) -> Callable[..., object]:
    """The same call, but time passes in it."""

    def slow(*given: object) -> object:
        bench.clock.seconds += seconds
        return then(*given)

    return slow


@pytest.mark.parametrize(
    ("data", "step"),
    [(ObjectGoneError("gone"), "fetch"), (b"no image", "decode")],
    ids=["not there", "no photo"],
)
def test_what_a_photo_took_until_it_failed_is_in_its_ledger_and_counts_for_the_objective(
    data: bytes | MessageError, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = ScriptedSource(photos={IDS[0]: data})
    bench = Bench(source)
    if step == "fetch":
        monkeypatch.setattr(source, "fetch", taking(bench, 2.0, source.fetch))
    else:
        monkeypatch.setattr(decoding, "prepare", taking(bench, 2.0, decoding.prepare))
    bench.uploads.put(source.upload(IDS[0]))
    bench.prepare.step()
    bench.commit.step()
    timings = bench.store.results[IDS[0]].timings_ms
    assert (timings[step], timings["total"]) == (2000, 2000)
    assert bench.telemetry.counts[f"objective_missed_by_{step}"] == 1


def test_each_device_takes_its_own_batches_from_the_same_queue() -> None:
    source = ScriptedSource(photos={key: photo(3, n) for n, key in enumerate(IDS[:12])})
    one, other = PickyModel(largest_batch=8), PickyModel(largest_batch=8)
    bench = Bench(source, replicas=[[one], [other]])
    for key in IDS[:12]:
        bench.uploads.put(source.upload(key))
        bench.prepare.step()
    for step in bench.infer.steps:
        step()
    assert (one.batches, other.batches) == ([8], [4])
    assert bench.outcomes.qsize() == 12


def test_why_each_batch_took_no_more_is_counted() -> None:
    source = ScriptedSource(photos={key: photo(3, n) for n, key in enumerate(IDS[:12])})
    bench = Bench(source, models=[PickyModel(largest_batch=8)])
    bench.infer_all(*(source.upload(key) for key in IDS[:12]))
    bench.infer.steps[0]()
    assert bench.telemetry.counts["batches_closed_full"] == 1
    assert bench.telemetry.counts["batches_closed_device_free"] == 1


@pytest.mark.parametrize(
    ("waits", "counted"),
    [(0.5, "objective_met"), (2.0, "objective_missed_by_wait")],
)
def test_photos_in_and_out_of_the_objective_are_counted_by_what_took_the_most(
    waits: float, counted: str
) -> None:
    source = ScriptedSource(photos={IDS[0]: photo(2)})
    bench = Bench(source)
    bench.uploads.put(source.upload(IDS[0]))
    bench.clock.seconds += waits
    bench.prepare.step()
    bench.clock.seconds += 0.1
    bench.infer.steps[0]()
    bench.commit.step()
    assert bench.telemetry.counts[counted] == 1


def test_a_photos_deadline_counts_from_its_upload() -> None:
    source = ScriptedSource(photos={IDS[0]: photo(2)})
    bench = Bench(source)
    upload = source.upload(IDS[0])
    late = replace(upload.message, received_at=START + timedelta(seconds=0.7))
    bench.uploads.put(replace(upload, message=late))
    bench.clock.seconds += 0.2
    bench.prepare.step()
    assert bench.ready.get().deadline == pytest.approx(bench.clock.seconds - 0.9 + 1.0)


def test_a_clock_that_runs_ahead_never_makes_a_time_negative() -> None:
    source = ScriptedSource(photos={IDS[0]: photo(2)})
    bench = Bench(source)
    upload = source.upload(IDS[0])
    late = replace(upload.message, sent_at=bench.clock.now().replace(year=2027))
    bench.infer_all(replace(upload, message=late))
    bench.infer_all(replace(upload, uploaded_at=bench.clock.now().replace(year=2027)))
    (outcome,) = bench.infer_all(replace(upload, message=late))
    assert min(outcome.timings.values()) >= 0


# commit


def test_commit_writes_before_it_settles() -> None:
    source = ScriptedSource(photos={IDS[0]: photo(2)})
    bench = Bench(source)
    for outcome in bench.infer_all(source.upload(IDS[0])):
        bench.outcomes.put(outcome)
    bench.commit.step()
    assert bench.store.results[IDS[0]].score == 2
    assert [o.verdict for o in source.settled] == [Verdict.ACKNOWLEDGE]


def test_under_load_messages_are_deleted_in_full_batches_and_the_rest_once_nothing_more_comes() -> None:
    source = ScriptedSource(photos={key: photo(2) for key in IDS[:24]})
    bench = Bench(source, linger=0.001)
    for outcome in bench.infer_all(*(source.upload(key) for key in IDS[:8])):
        bench.outcomes.put(outcome)
    bench.commit.step()
    assert (len(bench.store.results), len(source.settled)) == (8, 0)
    for outcome in bench.infer_all(*(source.upload(key) for key in IDS[8:16])):
        bench.outcomes.put(outcome)
    bench.commit.step()
    assert (len(bench.store.results), len(source.settled)) == (16, 10)
    bench.commit.step()  # nothing more comes
    assert len(source.settled) == 16


def test_what_is_released_does_not_wait_for_company() -> None:
    source = ScriptedSource(photos={IDS[0]: StorageError("503")})
    bench = Bench(source, linger=60.0)
    for outcome in bench.infer_all(source.upload(IDS[0])):
        bench.outcomes.put(outcome)
    bench.commit.step()
    assert [o.verdict for o in source.settled] == [Verdict.RELEASE]


@pytest.mark.parametrize("end", ["closed", "the store is away"])
def test_nothing_that_is_done_waits_for_company_which_may_never_come(end: str) -> None:
    source = ScriptedSource(photos={key: photo(2) for key in IDS[:2]})
    bench = Bench(source, linger=60.0)
    first, second = bench.infer_all(*(source.upload(key) for key in IDS[:2]))
    bench.outcomes.put(first)
    bench.commit.step()
    assert source.settled == []
    if end == "closed":
        bench.outcomes.shutdown()
        with pytest.raises(ShutDown):
            bench.commit.step()
    else:
        bench.store.away = True
        bench.outcomes.put(second)
        bench.commit.step()
    assert source.settled == [first]


def with_results_to_write(*, also: Outcome) -> Bench:
    """A bench whose store is away, with two scored photos before commit and another outcome."""
    source = ScriptedSource(photos={key: photo(3) for key in IDS[:2]})
    bench = Bench(source)
    for outcome in [*bench.infer_all(*(source.upload(key) for key in IDS[:2])), replace(also, source=source)]:
        bench.outcomes.put(outcome)
    bench.store.away = True
    return bench


def test_commit_holds_results_that_the_store_did_not_confirm_until_it_does() -> None:
    left = Outcome(message(number=9), ScriptedSource(), error=UnknownBodyError("no JSON"))
    bench = with_results_to_write(also=left)
    for _ in range(3):
        bench.commit.step()
    assert [o.verdict for o in bench.source.settled] == [
        Verdict.LEAVE
    ]  # what needs no store does not wait for it
    assert isinstance(bench.outcomes.cancelled, ImpatientEvent)
    assert bench.outcomes.cancelled.waits == [0.0, 0.5]
    assert bench.outages.ongoing(Part.STORE)
    bench.store.away = False
    bench.commit.step()
    assert set(bench.store.results) == set(IDS[:2])
    assert [o.verdict for o in bench.source.settled[1:]] == [Verdict.ACKNOWLEDGE] * 2
    assert not bench.outages.ongoing(Part.STORE)


def test_commit_takes_nothing_more_while_it_holds_results() -> None:
    bench = with_results_to_write(also=Outcome(message(number=9), ScriptedSource()))
    bench.commit.step()
    bench.outcomes.put(Outcome(message(number=10), bench.source))
    bench.commit.step()
    assert bench.outcomes.qsize() == 1


def test_commit_that_holds_results_ends_when_all_is_cancelled_but_not_when_its_input_is_closed() -> None:
    bench = with_results_to_write(also=Outcome(message(number=9), ScriptedSource()))
    bench.commit.step()
    bench.outcomes.shutdown()
    bench.commit.step()
    bench.outcomes.shutdown(immediate=True)
    with pytest.raises(ShutDown):
        bench.commit.step()
    assert bench.store.results == {}


def test_commit_writes_a_failed_result_for_a_photo_at_fault_and_acknowledges_it() -> None:
    source = ScriptedSource(photos={IDS[0]: b"text"})
    bench = Bench(source)
    for outcome in bench.infer_all(source.upload(IDS[0])):
        bench.outcomes.put(outcome)
    bench.commit.step()
    result = bench.store.results[IDS[0]]
    assert (result.status, result.score, result.error and result.error.code) == (
        "failed",
        None,
        UnsupportedFormatError.code,
    )
    assert [o.verdict for o in source.settled] == [Verdict.ACKNOWLEDGE]


def test_commit_releases_a_photo_that_was_overwritten_while_it_was_in_work() -> None:
    source = ScriptedSource(photos={key: photo(2) for key in IDS[:2]})
    bench = Bench(source)
    bench.store.overtaken.add(IDS[0])
    for outcome in bench.infer_all(*(source.upload(key) for key in IDS[:2])):
        bench.outcomes.put(outcome)
    bench.commit.step()
    verdicts = {o.upload.image_id: o.verdict for o in source.settled if o.upload}
    assert verdicts == {IDS[0]: Verdict.RELEASE, IDS[1]: Verdict.ACKNOWLEDGE}
    assert set(bench.store.results) == {IDS[1]}


def test_commit_hands_each_source_its_own_outcomes() -> None:
    bench = Bench()
    sources = [ScriptedSource(), ScriptedSource()]
    for number in range(6):
        bench.outcomes.put(Outcome(message(number=number), sources[number % 2]))
    bench.commit.step()
    assert [len(source.settled) for source in sources] == [3, 3]
    assert all(o.source is source for source in sources for o in source.settled)


@pytest.mark.parametrize("stage", ["help", "infer", "commit"])
def test_a_stage_ends_once_its_input_is_closed_and_empty(stage: str) -> None:
    bench = Bench()
    for queue in (bench.uploads, bench.ready, bench.outcomes):
        queue.shutdown()
    step = {"help": bench.prepare.step, "infer": bench.infer.steps[0], "commit": bench.commit.step}[stage]
    with pytest.raises(ShutDown):
        step()


@pytest.mark.parametrize("closed", ["uploads", "ready"])
def test_helpers_beyond_the_window_hear_of_the_end_whichever_queue_tells_the_first(closed: str) -> None:
    source = ScriptedSource(photos={IDS[0]: photo(2)})
    bench = Bench(source)
    beyond = 7  # the highest rank; the window of a photo that took no time is smaller
    bench.uploads.put(source.upload(IDS[0]))
    bench.prepare.step()
    bench.ready.get()
    assert not bench.window.admits(beyond, 0.0)
    bench.uploads.put(source.upload(IDS[0]))
    (bench.uploads if closed == "uploads" else bench.ready).shutdown(immediate=True)
    with pytest.raises(ShutDown):
        bench.prepare.step()
    assert bench.window.admits(beyond, 0.0)
