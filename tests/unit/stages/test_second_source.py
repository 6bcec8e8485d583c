"""A source whose photos cannot wait: each is answered once, none is held, and S3's outages are not its own."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.support.fakes import ImpatientEvent, PickyModel, ScriptedSource, message
from tests.support.machine.redis import TwinStore
from tests.support.results import make_result
from tests.support.stage_rig import IDS, StageRig, photo
from worker.errors import MessageError, OutOfMemoryError, Part, StorageError
from worker.messages import Answer, Failed, Scored, Skipped, Upload, Written
from worker.pipeline.waiting_room import WaitingRoom
from worker.result import DuplicateOf, Result

BUCKET = (Part.STORAGE, "photos")
ORIGINAL = DuplicateOf(image_id=IDS[8], distance=3, kind="near")


class Impatient(StageRig):
    """Stages around one photo of a source whose photos cannot wait."""

    def __init__(self, data: bytes | MessageError | None = None, **more: Any) -> None:
        source = ScriptedSource(photos={IDS[0]: photo(2) if data is None else data})
        source.is_patient = False
        super().__init__(source, **more)

    @property
    def upload(self) -> Upload:
        return self.source.upload(IDS[0])

    @property
    def answer(self) -> tuple[str, Result | None]:
        """The one answer: the code of an error, or `scored`; and what is stored."""
        ((outcome, stored),) = self.source.answered
        assert isinstance(outcome, Scored | Failed)
        return ("scored" if isinstance(outcome, Scored) else outcome.error.code), stored

    def work(self) -> None:
        """Take the photo through all stages, as far as it goes."""
        for outcome in self.infer_all(self.upload):
            self.outcomes.put(outcome)
        if self.outcomes.qsize():
            self.commit.step()


def no_memory(rig: Impatient) -> None:
    rig.source.photos[IDS[0]] = OutOfMemoryError("none left")


def refused_by_the_model(rig: Impatient) -> None:
    rig.models[0].dislikes = 2


def without_a_model(rig: Impatient) -> None:
    rig.models[0].away = True


def nobody_waits(rig: Impatient) -> None:
    rig.source.unwanted.add(IDS[0])


def overtaken(rig: Impatient) -> None:
    rig.store.overtaken.add(IDS[0])


def refused_by_redis(rig: Impatient) -> None:
    rig.store.refused.add(IDS[0])


@pytest.mark.parametrize(
    ("happens", "code"),
    [
        (no_memory, "out_of_memory"),
        (refused_by_the_model, "model_trouble"),
        (without_a_model, "model_trouble"),
        (nobody_waits, "abandoned"),
        (overtaken, "overtaken"),
        (refused_by_redis, "result_refused"),
    ],
)
def test_what_has_no_result_is_answered_once_with_its_error(
    happens: Callable[[Impatient], None], code: str
) -> None:
    rig = Impatient()
    happens(rig)
    rig.work()
    assert rig.answer == (code, None)
    assert len(rig.source.settled) == 1
    assert rig.store.results == {}


def test_a_score_is_answered_once_with_what_is_stored() -> None:
    rig = Impatient()
    rig.work()
    assert rig.answer == ("scored", rig.store.results[IDS[0]])
    assert len(rig.source.settled) == 1


def test_a_bad_photo_is_answered_with_its_failed_result() -> None:
    rig = Impatient(b"text")
    rig.work()
    assert rig.answer == ("unsupported_format", rig.store.results[IDS[0]])


def test_a_photo_that_was_forgotten_is_answered_without_a_result() -> None:
    rig = Impatient()
    rig.store.forgotten[IDS[0]] = rig.clock.now()
    rig.work()
    assert rig.answer == ("scored", None)


def test_a_copy_is_answered_with_the_score_that_it_reuses() -> None:
    rig = Impatient()
    other = replace(rig.upload, photo=rig.upload.photo._replace(image_id=IDS[1]))
    rig.commit_all(other)
    rig.source.answered.clear()
    rig.work()
    code, stored = rig.answer
    assert code == "scored"
    assert stored
    assert stored.reused_from == IDS[1]
    assert rig.models[0].batches == [1]


@pytest.mark.parametrize("answer", [Answer.KNOWN, Answer.WRITTEN], ids=["by others", "by an earlier try"])
def test_an_answer_is_what_was_stored_before(answer: Answer) -> None:
    rig = Impatient()
    stored = make_result(IDS[0])
    written = Written(answer, ORIGINAL, stored=stored)
    rig.store.write = lambda *_: [written]  # type: ignore[method-assign] # as a store that knows other photos
    rig.work()
    assert rig.answer == ("scored", stored)


def test_an_answer_names_the_original_of_a_duplicate() -> None:
    rig = Impatient()
    written = Written(Answer.WRITTEN, ORIGINAL)
    rig.store.write = lambda *_: [written]  # type: ignore[method-assign] # as a store that knows other photos
    rig.work()
    _, answer = rig.answer
    assert answer
    assert answer.duplicate_of == ORIGINAL


def test_nothing_is_answered_before_redis_confirms_and_then_once() -> None:
    rig = Impatient()
    rig.store.away = True
    rig.work()
    rig.commit.step()
    assert rig.source.answered == []
    rig.store.away = False
    rig.commit.step()
    assert rig.answer == ("scored", rig.store.results[IDS[0]])


def test_two_of_one_photo_in_one_write_have_one_result_and_both_are_told_of_it() -> None:
    rig = Impatient(store=TwinStore())
    rig.commit_all(rig.upload, rig.upload)
    assert [stored for _, stored in rig.source.answered] == [rig.store.results[IDS[0]]] * 2


def test_an_answer_does_not_wait_for_other_messages_to_settle_with() -> None:
    rig = Impatient(linger=60.0)
    rig.work()
    assert len(rig.source.settled) == 1


# never held


@pytest.mark.parametrize("is_stopping", [True, False])
def test_a_photo_that_s3_fails_is_answered_at_once_and_says_nothing_of_s3(is_stopping: bool) -> None:
    rig = Impatient(StorageError("503"))
    if is_stopping:
        rig.stopping.set()
    for _ in range(3):
        rig.work()
    assert [outcome.error.code for outcome, _ in rig.source.answered if isinstance(outcome, Failed)] == [
        "storage_trouble"
    ] * 3
    assert len(rig.prepare.room) == 0
    assert not rig.outages.ongoing(BUCKET)


def test_an_outage_of_s3_neither_holds_it_nor_is_ended_by_it() -> None:
    rig = Impatient()
    for subject in range(2):
        rig.outages.note_failure(BUCKET, "503", subject)
    rig.work()
    assert rig.answer[0] == "scored"
    assert rig.outages.ongoing(BUCKET)


def test_a_stop_finishes_what_was_accepted() -> None:
    rig = Impatient()
    rig.stopping.set()
    rig.work()
    assert rig.answer[0] == "scored"


def test_a_model_that_is_away_holds_nothing_of_it() -> None:
    rig = Impatient()
    rig.models[0].away = True
    rig.work()
    assert len(rig.infer.room) == 0


def test_a_photo_that_the_model_refuses_pauses_nobody() -> None:
    rig = Impatient()
    rig.models[0].dislikes = 2
    for _ in range(3):
        rig.work()
    assert rig.outages.pause(Part.MODEL) == 0.0


def test_a_full_room_keeps_back_only_what_can_wait() -> None:
    """The photos of S3 that wait leave no room for others of S3."""
    rig = Impatient()
    rig.prepare.room = WaitingRoom(0, rig.outages, rig.clock)
    rig.uploads.put(rig.upload)
    assert rig.uploads.blocked()
    rig.prepare.room = WaitingRoom(1, rig.outages, rig.clock)
    assert not rig.uploads.blocked()


def test_the_queue_has_the_share_that_the_door_leaves_for_photos_that_need_work() -> None:
    rig = StageRig(door_share=0.2)
    rig.uploads.put(Skipped(message(), rig.source))
    rig.lanes.get(block=False)
    assert (rig.uploads.share, rig.uploads.passed) == (0.8, 0.0)
    rig.uploads.put(rig.source.upload(IDS[0]))
    rig.lanes.get(block=False)
    assert rig.uploads.passed == 1 / 0.8


# nobody waits any more


def test_what_nobody_waits_for_is_neither_fetched_nor_scored() -> None:
    rig = Impatient()
    rig.source.unwanted.add(IDS[0])
    rig.work()
    assert rig.source.fetched == []
    assert rig.telemetry.counts["abandoned"] == 1


def test_what_nobody_waits_for_any_more_is_left_out_of_its_batch() -> None:
    rig = Impatient(models=[PickyModel()])
    for image_id in IDS[:3]:
        rig.source.photos[image_id] = photo(2, int(image_id[:8]))
        rig.uploads.put(rig.source.upload(image_id))
        rig.prepare.step()
    rig.source.unwanted.add(IDS[1])
    rig.infer.steps[0]()
    rig.commit.step()
    assert rig.models[0].batches == [2]
    assert [*rig.store.results] == [IDS[0], IDS[2]]
    rig.source.unwanted.update(IDS)
    rig.infer_all(rig.source.upload(IDS[2]))
    assert rig.models[0].batches == [2]
    assert isinstance(rig.outcomes.cancelled, ImpatientEvent)
