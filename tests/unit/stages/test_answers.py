"""Which result of a photo stays: photos that are overwritten, deleted and announced again, through all stages."""

from collections.abc import Sequence
from itertools import product

import pytest

from tests.support.bucket import BucketSource, Put
from tests.support.fakes import InlineDecoder, MemoryStore, message
from tests.support.machine.redis import TwinStore
from tests.support.stage_rig import IDS, StageRig, photo
from worker.errors import StoreError
from worker.messages import PhotoId, S3Object
from worker.result import Result

KEY = IDS[0]
TOO_LARGE = b"x" * 1001  # StageRig's limit is 1000 bytes
VERSIONING = ["off", "on", "suspended"]


class AnswersRig(StageRig):
    """Stages around a bucket and a store that compares as Redis does."""

    source: BucketSource
    store: TwinStore

    def __init__(self, versioning: str = "off", beside: "AnswersRig | None" = None) -> None:
        """`beside`: another worker on the same bucket and store."""
        source, store = (beside.source, beside.store) if beside else (BucketSource(versioning), TwinStore())
        super().__init__(source, store=store)
        self._sent = 0

    def work(self, *texts: str) -> None:
        """Take messages through all stages, one after the other."""
        for text in texts:
            self._sent += 1
            self.source.waiting.append(message(text, number=self._sent))
            self.poll.step()
            self.finish()

    def finish(self) -> None:
        """Take what was received through the other stages."""
        while self.uploads.qsize():
            self.prepare.step()
        while self.ready.qsize():
            self.infer.steps[0]()
        while self.outcomes.qsize():
            self.commit.step()

    def lose(self, put: Put, code: str) -> None:
        """Let S3 give an upload no more: deleted with all others of its key, or archived."""
        if code == "object_gone":
            self.source.remove(put.key)
        else:
            self.source.archived.add(put.etag)

    def stored(self) -> Result:
        return self.store.results[KEY]

    def answer(self) -> tuple[str, int | str | None]:
        """The status of the stored result, with its score or its code."""
        result = self.stored()
        return result.status, result.error.code if result.error else result.score

    @property
    def writes(self) -> int:
        return self.store.written[KEY]


class NotelessStore(MemoryStore):
    """Finds what another store has, and takes no notes."""

    def __init__(self, store: MemoryStore) -> None:
        super().__init__()
        self.results = store.results

    def note_order(self, photo: PhotoId, s3_object: S3Object) -> bool:
        raise StoreError("Redis does not answer")


@pytest.mark.parametrize("versioning", VERSIONING)
def test_the_size_of_an_older_event_fails_no_photo_whose_newest_content_is_read(versioning: str) -> None:
    rig = AnswersRig(versioning)
    large, small = rig.source.put(KEY, TOO_LARGE), rig.source.put(KEY, photo(3))
    rig.work(small.request(), large.notification(), large.request(), small.notification())
    assert rig.answer() == ("scored", 3)
    assert rig.writes == 1
    rig.source.put(KEY, photo(4))
    rig.work(large.request(size=len(TOO_LARGE)))
    assert rig.answer() == ("scored", 4)


@pytest.mark.parametrize("versioning", VERSIONING)
@pytest.mark.parametrize("bad", [TOO_LARGE, b"", b"text"], ids=["too large", "empty", "text"])
def test_a_failure_of_the_newest_content_is_written_once(versioning: str, bad: bytes) -> None:
    rig = AnswersRig(versioning)
    first = rig.source.put(KEY, photo(3))
    rig.work(first.request())
    newest = rig.source.put(KEY, bad)
    rig.work(newest.notification(), newest.request(), first.notification(), newest.notification())
    assert (rig.stored().status, rig.stored().source.etag) == ("failed", newest.etag)
    assert rig.writes == 2


def test_a_photo_that_is_gone_fails_once() -> None:
    rig = AnswersRig()
    put = rig.source.put(KEY, photo(3))
    rig.source.remove(KEY)
    rig.work(put.request(), put.notification(), put.notification(), put.request())
    assert rig.answer() == ("failed", "object_gone")
    assert rig.writes == 1


@pytest.mark.parametrize("versioning", VERSIONING)
@pytest.mark.parametrize("announced", ["request", "notification"])
def test_the_second_upload_under_a_key_is_the_one_that_stays(versioning: str, announced: str) -> None:
    rig = AnswersRig(versioning)
    for red in (2, 4):
        put = rig.source.put(KEY, photo(red))
        rig.work(put.request() if announced == "request" else put.notification())
        assert rig.answer() == ("scored", red)
    assert rig.writes == 2


def test_a_result_that_took_long_does_not_replace_a_newer_one_where_versioning_is_suspended() -> None:
    rig = AnswersRig("suspended")
    first = rig.source.put(KEY, photo(2))

    def overwrite() -> None:
        rig.source.meanwhile_fetched = lambda: None
        AnswersRig(beside=rig).work(rig.source.put(KEY, photo(4)).request())

    rig.source.meanwhile_fetched = overwrite
    rig.work(first.request())
    assert rig.answer() == ("scored", 4)


def test_the_null_version_is_read_where_versioning_was_resumed() -> None:
    rig = AnswersRig("suspended")
    first = rig.source.put(KEY, photo(2))
    rig.source.versioning = "on"
    second = rig.source.put(KEY, photo(4))
    rig.work(first.notification())
    assert rig.answer() == ("scored", 2)
    assert rig.stored().source.version_id is None
    rig.work(second.notification(), first.request())
    assert (*rig.answer(), rig.stored().source.version_id) == ("scored", 4, "v2")


@pytest.mark.parametrize("becomes", ["deleted", "unreadable", "too large"])
def test_a_late_failure_of_the_same_event_leaves_the_score(becomes: str) -> None:
    """A newer model wants the photo again, and it cannot be read any more."""
    rig = AnswersRig()
    put = rig.source.put(KEY, photo(3))
    rig.work(put.notification())
    rig.commit.models = rig.poll.models = lambda: {"picky": "2"}
    if becomes == "deleted":
        rig.source.remove(KEY)
    elif becomes == "unreadable":
        assert isinstance(rig.decoder, InlineDecoder)
        rig.decoder.max_pixels = 1
    else:
        rig.decoder.max_bytes = 10
    rig.work(put.notification())
    assert len(rig.source.fetched) == 2 or becomes == "too large"
    assert rig.answer() == ("scored", 3)
    assert rig.writes == 1


def test_a_photo_that_was_overwritten_and_then_deleted_fails() -> None:
    rig = AnswersRig()
    rig.work(rig.source.put(KEY, photo(3)).notification())
    newer = rig.source.put(KEY, photo(4))
    rig.source.remove(KEY)
    rig.work(newer.notification())
    assert rig.answer() == ("failed", "object_gone")


@pytest.mark.parametrize("versioning", VERSIONING)
@pytest.mark.parametrize("late", [[1, 3, 2], [3, 1, 2], [1, 2, 3]])
def test_bytes_are_not_ordered_by_the_event_that_happened_to_read_them(
    versioning: str, late: Sequence[int]
) -> None:
    """The first upload's event reads the third upload's bytes. The second's comes last, and is no newer."""
    rig = AnswersRig(versioning)
    puts = [rig.source.put(KEY, photo(red)) for red in (1, 2)]
    rig.work(puts[1].request())
    puts.append(rig.source.put(KEY, photo(3)))
    for number in late:
        rig.work(puts[number - 1].notification())
        assert rig.answer() == ("scored", 3)


def test_the_same_bytes_put_again_are_not_ordered_by_the_event_of_the_first_time() -> None:
    """Versioning began meanwhile: the first upload's event names no version, and reads the third one's."""
    rig = AnswersRig()
    puts = [rig.source.put(KEY, photo(1))]
    rig.source.versioning = "on"
    puts += [rig.source.put(KEY, photo(red)) for red in (2, 1)]
    rig.work(puts[0].notification(), puts[2].notification(), puts[1].notification())
    assert rig.answer() == ("scored", 1)


@pytest.mark.parametrize("announced", ["request", "notification"])
def test_bytes_that_are_put_again_stay_though_others_were_read_before(announced: str) -> None:
    """The first photo is put again while the second is in work, which is slow."""
    rig = AnswersRig()
    first = rig.source.put(KEY, photo(2))
    rig.work(first.request() if announced == "request" else first.notification())
    second = rig.source.put(KEY, photo(4))

    def put_again() -> None:
        rig.source.meanwhile_fetched = lambda: None
        AnswersRig(beside=rig).work(rig.source.put(KEY, photo(2)).notification(at="2026-01-01T00:00:01Z"))

    rig.source.meanwhile_fetched = put_again
    rig.work(*[second.request() if announced == "request" else second.notification()] * 2)
    assert rig.answer() == ("scored", 2)
    assert rig.writes == 1


def test_the_usual_notification_after_a_request_writes_nothing() -> None:
    rig = AnswersRig()
    put = rig.source.put(KEY, photo(2))
    rig.work(put.request())
    before = rig.stored()
    rig.work(put.notification())
    assert rig.stored() is before


def test_a_photo_that_was_put_again_is_worked_once_more_if_that_cannot_be_noted() -> None:
    rig = AnswersRig()
    rig.work(rig.source.put(KEY, photo(2)).notification())
    again = rig.source.put(KEY, photo(2))
    rig.poll.results = NotelessStore(rig.store)
    rig.work(again.notification())
    assert rig.stored().source.sequencer == again.sequencer
    assert rig.writes == 1


EARLY, LATE = "2025-12-31T23:59:59.000Z", "2026-01-01T00:00:01.000Z"  # around the first result's writing
WAYS = ["request", "notification"]
PAIRS_OF_WAYS = [*product(WAYS, WAYS)]


def announced(put: Put, way: str, at: str) -> str:
    return put.request(uploaded_at=at) if way == "request" else put.notification(at)


@pytest.mark.parametrize("versioning", VERSIONING)
@pytest.mark.parametrize("ways", PAIRS_OF_WAYS)
@pytest.mark.parametrize("becomes", ["object_gone", "object_archived"])
def test_the_last_upload_that_s3_does_not_give_fails_whichever_way_both_came_in(
    versioning: str, ways: tuple[str, str], becomes: str
) -> None:
    rig = AnswersRig(versioning)
    first = rig.source.put(KEY, photo(3))
    rig.work(announced(first, ways[0], EARLY))
    last = rig.source.put(KEY, photo(4))
    rig.lose(last, becomes)
    rig.work(announced(last, ways[1], LATE), announced(first, ways[0], EARLY))
    assert rig.answer() == ("failed", becomes)
    assert rig.stored().source.etag == last.etag
    assert rig.writes == 2


@pytest.mark.parametrize("ways", PAIRS_OF_WAYS)
@pytest.mark.parametrize("becomes", ["object_gone", "object_archived"])
def test_a_late_announcement_of_an_older_upload_leaves_the_score_if_s3_gives_nothing(
    ways: tuple[str, str], becomes: str
) -> None:
    rig = AnswersRig()
    older, newest = rig.source.put(KEY, photo(3)), rig.source.put(KEY, photo(4))
    rig.work(announced(newest, ways[0], EARLY))
    rig.lose(newest, becomes)
    rig.work(announced(older, ways[1], EARLY))
    assert rig.answer() == ("scored", 4)
    assert rig.writes == 1


def test_a_slow_score_does_not_replace_the_failure_of_an_upload_that_is_gone() -> None:
    """Nothing was stored when the first upload was looked up. The second fails first."""
    rig = AnswersRig()
    first = rig.source.put(KEY, photo(3))

    def overwrite_and_delete() -> None:
        rig.source.meanwhile_fetched = lambda: None
        last = rig.source.put(KEY, photo(4))
        rig.source.remove(KEY)
        AnswersRig(beside=rig).work(last.request(uploaded_at=LATE))

    rig.source.meanwhile_fetched = overwrite_and_delete
    rig.work(first.request(uploaded_at=EARLY), first.request(uploaded_at=EARLY))
    assert rig.answer() == ("failed", "object_gone")
    assert rig.writes == 1


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("becomes", ["scored", "failed"])
def test_an_archived_photo_that_was_restored_is_read_when_it_is_announced_again(
    way: str, becomes: str
) -> None:
    rig = AnswersRig()
    put = rig.source.put(KEY, photo(3) if becomes == "scored" else b"text")
    rig.source.archived.add(put.etag)
    rig.work(*[announced(put, way, EARLY)] * 2)
    assert (*rig.answer(), rig.writes) == ("failed", "object_archived", 1)
    rig.source.archived.clear()
    rig.work(announced(put, way, EARLY))
    assert rig.answer() == (("scored", 3) if becomes == "scored" else ("failed", "unsupported_format"))


def test_a_slow_photo_does_not_replace_a_newer_one_where_all_events_have_one_sequencer() -> None:
    """LocalStack gives them one."""
    rig = AnswersRig()
    first = rig.source.put(KEY, photo(2))

    def overwrite() -> None:
        rig.source.meanwhile_fetched = lambda: None
        AnswersRig(beside=rig).work(rig.source.put(KEY, photo(4)).notification(sequencer="0E"))

    rig.source.meanwhile_fetched = overwrite
    rig.work(*[first.notification(sequencer="0E")] * 2)
    assert rig.answer() == ("scored", 4)
    assert rig.writes == 1
