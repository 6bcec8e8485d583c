"""poll: how many messages it receives, which photos it hands on, what it does in an outage."""

import json
import threading

import pytest
from structlog.testing import capture_logs

from tests.support.fakes import START, ImpatientEvent, ScriptedSource, message
from tests.support.stage_rig import IDS, StageRig, body, photo
from worker.errors import Part, QueueError, StoreError, Verdict
from worker.messages import Known, Skipped, Upload
from worker.pipeline.queues import ShutDown
from worker.stages import poll


def test_poll_asks_for_no_more_messages_than_there_is_room_for() -> None:
    rig = StageRig(ScriptedSource([message(body(key), number=n) for n, key in enumerate(IDS[:5])]), size=3)
    rig.poll.step()
    assert rig.source.asked_for == [3]
    rig.uploads.get()
    rig.poll.step()
    assert rig.source.asked_for == [3, 1]


def test_poll_waits_for_room_for_a_full_receive_unless_the_queue_is_too_small_for_one() -> None:
    rig = StageRig(ScriptedSource([message(body(*IDS[:14]))]), size=20)
    rig.poll.step()
    for _ in range(3):
        rig.uploads.get()
    assert rig.uploads.room(places=1, timeout=0.0) == 9
    threading.Timer(0.01, rig.uploads.get).start()
    rig.poll.step()
    assert rig.source.asked_for == [10, 10]


@pytest.mark.parametrize(("size", "room"), [(1, 1), (2, 1), (3, 1), (5, 2), (20, 10), (64, 10)])
def test_poll_needs_room_for_a_full_receive_or_half_the_queue(size: int, room: int) -> None:
    assert StageRig(size=size).poll.room_needed == room


def test_poll_looks_at_a_full_queue_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = StageRig(size=1)
    rig.uploads.put(rig.source.upload(IDS[0]))
    monkeypatch.setattr(poll, "ROOM_WAIT", 0.01)
    rig.poll.step()
    assert rig.source.asked_for == []


def test_more_receivers_join_while_one_cannot_keep_up() -> None:
    messages = [message(body(key), number=n) for n, key in enumerate(IDS[:25])]
    rig = StageRig(ScriptedSource(messages))
    rest = ImpatientEvent()
    rig.poll._starving = rest
    rig.poll.step_beside()
    assert (rig.source.asked_for, rest.waits) == ([], [1.0])  # nothing says that it is needed
    rig.poll.step()  # ten, and there was nothing left
    rig.poll.step_beside()
    assert rig.source.asked_for == [10, 10]
    rig.poll.step()  # five of ten: the queue is empty
    rig.poll.step_beside()
    assert rig.source.asked_for == [10, 10, 10]


def test_one_receiver_is_enough_to_find_out_whether_an_outage_is_over() -> None:
    messages = [message(body(key), number=n) for n, key in enumerate(IDS[:20])]
    rig = StageRig(ScriptedSource(messages))
    rig.poll._starving = ImpatientEvent()
    rig.poll.step()
    for _ in range(2):
        rig.outages.note_failure((Part.STORAGE, "photos"), "503")
    rig.uploads.queue.clear()
    rig.poll.step()
    rig.poll.step_beside()
    assert rig.source.asked_for == [10, 1]


def test_one_receiver_is_enough_while_the_queue_still_has_photos() -> None:
    messages = [message(body(key), number=n) for n, key in enumerate(IDS[:20])]
    rig = StageRig(ScriptedSource(messages))
    rig.uploads.put(rig.source.upload(IDS[30]))
    rig.poll._starving = ImpatientEvent()
    rig.poll.step()
    rig.poll.step_beside()
    assert rig.source.asked_for == [10]


def test_poll_asks_for_ten_at_most() -> None:
    rig = StageRig()
    rig.poll.step()
    assert rig.source.asked_for == [10]


def test_poll_ends_when_its_output_is_closed() -> None:
    rig = StageRig()
    rig.uploads.shutdown()
    with pytest.raises(ShutDown):
        rig.poll.step()


def test_poll_hands_on_every_record_of_a_message() -> None:
    rig = StageRig(ScriptedSource([message(body(*IDS[:3]))]))
    rig.poll.step()
    items = [rig.uploads.get() for _ in range(3)]
    assert [item.photo.image_id for item in items if isinstance(item, Upload)] == IDS[:3]
    assert {item.message.records for item in items} == {3}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("no JSON", "unknown_body"),
        (body("no-id.jpg"), "no_image_id"),
        (body(IDS[0], bucket="others"), "foreign_bucket"),
    ],
)
def test_poll_leaves_foreign_messages_to_the_dead_letter_queue(text: str, code: str) -> None:
    rig = StageRig(ScriptedSource([message(text)]))
    rig.poll.step()
    outcome = rig.uploads.get()
    assert isinstance(outcome, Skipped)
    assert outcome.verdict is Verdict.LEAVE
    assert outcome.error is not None
    assert outcome.error.code == code


def test_poll_acknowledges_the_test_event() -> None:
    rig = StageRig(ScriptedSource([message(json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent"}))]))
    rig.poll.step()
    outcome = rig.uploads.get()
    assert isinstance(outcome, Skipped)
    assert (outcome.verdict, outcome.error) == (Verdict.ACKNOWLEDGE, None)


def test_poll_pauses_after_two_failed_receives() -> None:
    rig = StageRig()
    rig.source.failures = [QueueError("away")] * 2
    rig.poll.step()
    rig.poll.step()
    assert rig.impatient.waits == []
    rig.poll.step()
    rig.poll.step()
    assert rig.impatient.waits == [0.5]
    assert not rig.outages.ongoing(Part.QUEUE)


class StoppedMeanwhile(ImpatientEvent):
    """A stop that comes while someone waits."""

    def wait(self, timeout: float | None = None) -> bool:
        self.set()
        return super().wait(timeout)


def test_poll_begins_no_receive_after_a_pause_that_a_stop_has_ended() -> None:
    rig = StageRig()
    rig.poll.stopping = StoppedMeanwhile()
    for _ in range(2):
        rig.outages.note_failure(Part.QUEUE, "away")
    rig.poll.step()
    assert rig.source.asked_for == []


def test_poll_shows_signs_of_life_in_a_long_pause_and_around_its_calls() -> None:
    rig = StageRig(ScriptedSource([message(body(IDS[0]))]))
    signs = list[float]()
    rig.uploads.alive = lambda: signs.append(rig.clock())
    for _ in range(2):
        rig.outages.note_failure((Part.STORAGE, "photos"), "503")
        rig.clock.seconds += 2.5
    rig.source.receive = rig.slowly(5, rig.source.receive)  # type: ignore[method-assign,assignment]
    begun = rig.clock()
    rig.poll.step()
    assert rig.impatient.waits == [1.0, 1.0, 0.5]
    assert signs == [begun] * 4 + [begun + 5]


def test_poll_asks_for_one_message_in_an_outage() -> None:
    rig = StageRig()
    for _ in range(2):
        rig.outages.note_failure((Part.STORAGE, "photos"), "503")
    rig.poll.step()
    rig.outages.note_success((Part.STORAGE, "photos"))
    rig.poll.step()
    assert rig.source.asked_for == [1, 10]


def test_poll_receives_as_ever_while_redis_is_away() -> None:
    """Commit keeps the results, and the queues before it fill up."""
    rig = StageRig()
    for _ in range(2):
        rig.outages.note_failure(Part.STORE, "away")
    rig.poll.step()
    assert (rig.source.asked_for, rig.impatient.waits) == ([10], [])


def test_poll_goes_on_while_one_of_several_buckets_answers() -> None:
    rig = StageRig(buckets=("photos", "others"))
    for bucket in rig.poll.buckets:
        for _ in range(2):
            rig.outages.note_failure((Part.STORAGE, bucket), "503")
        rig.poll.step()
    assert rig.source.asked_for == [10, 1]
    assert rig.impatient.waits == [0.5]


def test_while_photos_wait_for_s3_poll_asks_for_one_message_for_each_of_their_tries() -> None:
    rig = StageRig()
    bucket = (Part.STORAGE, "photos")
    for _ in range(2):
        rig.outages.note_failure(bucket, "503")
    rig.waiting_for_s3.put("one", rig.source.upload(IDS[0]), bucket)
    for _ in range(3):
        rig.poll.step()
    assert rig.source.asked_for == [1]
    rig.outages.note_failure(bucket, "503")
    rig.poll.step()
    rig.poll.step()
    assert rig.source.asked_for == [1, 1]
    rig.waiting_for_s3.leave()
    rig.poll.step()
    assert rig.source.asked_for == [1, 1, 1], "nobody else finds out"


def test_poll_gives_back_the_messages_of_the_last_long_poll() -> None:
    brought = message(body(IDS[0]))
    rig = StageRig(ScriptedSource([brought]))
    rig.source.meanwhile = rig.stopping.set
    rig.poll.step()
    assert rig.source.given_back == [brought]
    assert rig.uploads.empty()


def test_poll_begins_no_receive_once_it_must_stop() -> None:
    rig = StageRig(ScriptedSource([message(body(IDS[0]))]))
    rig.stopping.set()
    rig.poll.step()
    rig.poll.step_beside()
    assert rig.source.asked_for == []


def score_once(rig: StageRig, key: str) -> None:
    """Let `key` go through all stages once."""
    rig.source.waiting = [message(body(key))]
    rig.source.photos[key] = photo(4)
    rig.poll.step()
    rig.prepare.step()
    rig.infer.steps[0]()
    rig.commit.step()


def test_poll_does_not_hand_on_a_scored_photo() -> None:
    rig = StageRig()
    score_once(rig, IDS[0])
    rig.source.waiting = [message(body(IDS[0]), number=2)]
    rig.poll.step()
    known = rig.uploads.get()
    assert isinstance(known, Known)
    assert known.verdict is Verdict.ACKNOWLEDGE


def test_poll_hands_on_a_scored_photo_while_the_store_is_away() -> None:
    rig = StageRig()
    score_once(rig, IDS[0])
    rig.store.away = True
    rig.source.waiting = [message(body(IDS[0]), number=2)]
    rig.poll.step()
    assert isinstance(rig.uploads.get(), Upload)


def test_a_photo_put_again_is_handed_on_if_its_order_cannot_be_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = StageRig()
    score_once(rig, IDS[0])
    stored = rig.store.results[IDS[0]]
    earlier = stored.source.model_copy(update={"sequencer": "01"})
    rig.store.results[IDS[0]] = stored.model_copy(update={"source": earlier})
    rig.source.waiting = [message(body(IDS[0], sequencer="02"), number=2)]

    def fail(*_: object) -> bool:
        raise StoreError("Redis does not answer")

    monkeypatch.setattr(rig.store, "note_order", fail)
    with capture_logs() as logs:
        rig.poll.step()
    assert isinstance(rig.uploads.get(), Upload)
    failed = {"event": "look_up_failed", "log_level": "warning", "reason": "Redis does not answer"}
    assert [line for line in logs if line["log_level"] == "warning"] == [failed]


def test_each_record_knows_its_place_its_source_and_its_upload_time() -> None:
    rig = StageRig(ScriptedSource([message(body(*IDS[:3]))]))
    rig.poll.step()
    items = [rig.uploads.get() for _ in range(3)]
    assert [item.record for item in items if isinstance(item, Upload)] == [0, 1, 2]
    assert {item.uploaded_at for item in items if isinstance(item, Upload)} == {START}
    assert all(item.source is rig.source for item in items)


def test_what_is_not_handed_on_to_the_model_is_logged_by_name() -> None:
    rig = StageRig()
    score_once(rig, IDS[0])
    texts = ['{"Event": "s3:TestEvent"}', "no JSON", body(IDS[0])]
    rig.source.waiting = [message(text, number=n, receive_count=2) for n, text in enumerate(texts, 1)]
    with capture_logs() as logs:
        rig.poll.step()
    assert [rig.uploads.get().source for _ in texts] == [rig.source] * 3
    assert [line for line in logs if line["event"] != "received"] == [
        {"event": "ignored", "log_level": "info", "what": "s3:TestEvent", "message_id": "message-1"},
        {
            "event": "left_to_dead_letter_queue",
            "log_level": "warning",
            "message_id": "message-2",
            "code": "unknown_body",
            "reason": "the body is not JSON: Expecting value: line 1 column 1 (char 0)",
            "receive_count": 2,
        },
        {"event": "already_scored", "log_level": "info", "image_id": IDS[0]},
    ]


def test_what_fails_in_a_receive_is_logged_with_its_reason() -> None:
    rig = StageRig(ScriptedSource([message(body(IDS[0]))]))
    rig.store.away = True
    with capture_logs() as logs:
        rig.poll.step()
        rig.store.away = False
        rig.source.failures = [QueueError("no answer")] * 2
        rig.poll.step()
        rig.poll.step()
    failed = {
        "event": "receive_failed",
        "log_level": "warning",
        "code": "queue_trouble",
        "reason": "no answer",
    }
    look_up = {"event": "look_up_failed", "log_level": "warning", "reason": "Redis does not answer"}
    assert [line for line in logs if line["log_level"] == "warning"] == [look_up, failed, failed]
    assert rig.outages.longest()[1].endswith(" fails: no answer")
