"""What somebody who watches sees of each photo: every step in order, and what became of it."""

from typing import Any

import pytest

from tests.support.fakes import ScriptedSource, message
from tests.support.stage_rig import IDS, StageRig, body, photo
from worker.errors import Part, StorageError
from worker.messages import Upload
from worker.telemetry.counters import Reported

WAY = ["arrived", "fetch", "decode", "ready", "infer", "commit"]


class Watching:
    """Notes the steps of each photo."""

    def __init__(self) -> None:
        self.seen: dict[str, list[str]] = {}

    def moved(self, upload: Upload, step: str) -> None:
        self.seen.setdefault(upload.key, []).append(step)

    def photo(self, photo: Reported) -> None:
        self.seen.setdefault(photo.key, []).append(photo.status)


class WatchedRig(StageRig):
    """A rig that somebody watches."""

    def __init__(self, photos: dict[str, bytes | StorageError]) -> None:
        super().__init__(ScriptedSource([message(body(*photos))], dict(photos)))
        self.telemetry.watcher = self.watching = Watching()

    def work(self) -> list[list[str]]:
        """Take what the queue has through all stages; the steps of each photo."""
        self.poll.step()
        while self.uploads.qsize():
            self.prepare.step()
        if self.ready.qsize():
            self.infer.steps[0]()
        if self.outcomes.qsize():
            self.commit.step()
        return [*self.watching.seen.values()]


def test_a_photo_is_seen_at_every_step() -> None:
    rig = WatchedRig({IDS[0]: photo(2), IDS[1]: photo(3)})
    assert rig.work() == [[*WAY, "scored"]] * 2


def test_a_photo_that_cannot_be_read_passes_the_model_by() -> None:
    rig = WatchedRig({IDS[0]: b"no photo"})
    assert rig.work() == [["arrived", "fetch", "decode", "commit", "failed"]]


def test_the_same_bytes_again_are_not_decoded() -> None:
    rig = WatchedRig({IDS[0]: photo(2)})
    rig.work()
    rig.source.waiting = [message(body(IDS[1]), number=2)]
    rig.source.photos[IDS[1]] = photo(2)
    assert rig.work()[1] == ["arrived", "fetch", "commit", "scored"]


def test_a_photo_that_s3_fails_to_give_is_seen_to_wait() -> None:
    rig = WatchedRig({IDS[0]: StorageError("503")})
    assert rig.work() == [["arrived", "fetch", "held"]]


def test_a_photo_that_is_known_is_not_seen() -> None:
    rig = WatchedRig({IDS[0]: photo(2)})
    rig.work()
    rig.watching.seen.clear()
    rig.source.waiting = [message(body(IDS[0]), number=2)]
    assert rig.work() == []


def test_the_batch_that_runs_is_seen_while_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    rig, running = WatchedRig({IDS[0]: photo(2), IDS[1]: photo(3)}), list[int]()
    (model,) = rig.models
    predict = model.predict

    def watched(*given: Any) -> Any:
        running.append(rig.batches[0])
        return predict(*given)

    monkeypatch.setattr(model, "predict", watched)
    rig.work()
    assert running == [2]
    assert list(rig.batches) == [0]


def test_fills_tell_how_much_each_place_holds_and_may_hold() -> None:
    rig = WatchedRig({IDS[0]: photo(2), IDS[1]: photo(3)})
    rig.poll.step()
    fills = rig.fills()
    assert fills["uploads"] == (2, rig.size)
    assert fills["door"] == (0, 0)
    assert {f"depth_{name}": items for name, (items, _) in fills.items()} == rig.depths()


def test_outages_are_listed_with_their_age_and_reason() -> None:
    rig = WatchedRig({})
    for number in range(2):
        rig.outages.note_failure(Part.STORE, f"reason {number}")
        rig.clock.seconds += 3
    assert rig.outages.list() == [(Part.STORE.value, 6.0, "reason 1")]
    rig.outages.note_success(Part.STORE)
    assert rig.outages.list() == []
