"""The times of a result: only steps that happened have one, and they add up to the total, to the last digit."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.fakes import ScriptedSource
from tests.support.stage_rig import IDS, StageRig, photo
from worker.errors import EmptyObjectError, MessageError, ObjectGoneError, StorageError
from worker.messages import Failed, Upload

MOMENT = 0.0012345  # seconds that each step takes: no whole hundredths of a millisecond
BEFORE_WORK = ["notify", "queue", "wait"]
TO_THE_MODEL = ["fetch", "decode", "batch_wait", "infer"]


def by_queue(upload: Upload) -> Upload:
    return upload


def by_request(upload: Upload) -> Upload:
    """A request that does not say when its photo was uploaded."""
    return replace(upload, uploaded_at=None)


def by_http(upload: Upload) -> Upload:
    return replace(upload, message=replace(upload.message, sent_at=None))


def too_large(upload: Upload) -> Upload:
    """Larger than may be fetched, as its event says."""
    return replace(upload, object=replace(upload.object, size=1_000_000))


@pytest.mark.parametrize(
    ("way", "data", "steps"),
    [
        (by_queue, photo(2), [*BEFORE_WORK, *TO_THE_MODEL]),
        (by_request, photo(2), [*BEFORE_WORK[1:], *TO_THE_MODEL]),
        (by_http, photo(2), [*BEFORE_WORK[2:], *TO_THE_MODEL]),
        (by_queue, photo(4), [*BEFORE_WORK, "fetch"]),
        (by_http, photo(4), [*BEFORE_WORK[2:], "fetch"]),
        (by_queue, b"no photo", [*BEFORE_WORK, "fetch", "decode"]),
        (by_http, b"no photo", [*BEFORE_WORK[2:], "fetch", "decode"]),
        (by_queue, ObjectGoneError("gone"), [*BEFORE_WORK, "fetch"]),
        (too_large, photo(2), [*BEFORE_WORK, "fetch"]),
    ],
    ids=["queue", "request", "http", "copy", "http-copy", "no-photo", "http-no-photo", "gone", "too-large"],
)
def test_a_result_has_the_steps_that_its_photo_went_through(
    way: Callable[[Upload], Upload],
    data: bytes | MessageError,
    steps: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = ScriptedSource(photos={IDS[0]: photo(4), IDS[1]: data})
    rig = StageRig(source)
    rig.commit_all(source.upload(IDS[0]))  # the photo that another one may be a copy of
    monkeypatch.setattr(source, "fetch", rig.slowly(MOMENT, source.fetch))
    monkeypatch.setattr(rig.decoder, "decode", rig.slowly(MOMENT, rig.decoder.decode))
    monkeypatch.setattr(rig.models[0], "predict", rig.slowly(MOMENT, rig.models[0].predict))
    upload = source.upload(IDS[1])
    message = replace(upload.message, received=rig.clock.seconds)
    rig.uploads.put(way(replace(upload, message=message)))
    for step in (rig.prepare.step, rig.infer.steps[0], rig.commit.step):
        rig.clock.seconds += MOMENT
        step()
    timings = rig.store.results[IDS[1]].timings_ms
    assert list(timings) == [*steps, "commit", "total"]
    assert all(timings[step] > 1 for step in steps if step not in BEFORE_WORK[:2] and way is not too_large)
    assert add_up(timings)


def test_the_time_that_a_photo_waited_for_s3_is_in_wait() -> None:
    source = ScriptedSource(photos={IDS[0]: StorageError("503")})
    rig = StageRig(source)
    upload = source.upload(IDS[0])
    rig.uploads.put(replace(upload, message=replace(upload.message, received=rig.clock.seconds)))
    rig.prepare.step()
    assert len(rig.prepare.room) == 1
    source.photos[IDS[0]] = photo(2)
    rig.clock.seconds += 10
    for step in (rig.prepare.step, rig.infer.steps[0], rig.commit.step):
        step()
    timings = rig.store.results[IDS[0]].timings_ms
    assert list(timings) == [*BEFORE_WORK, *TO_THE_MODEL, "commit", "total"]
    assert timings["wait"] == 10_000
    assert add_up(timings)


@given(st.lists(st.floats(0, 1e7), min_size=8, max_size=8))
def test_the_steps_add_up_to_the_total_whatever_they_took(milliseconds: list[float]) -> None:
    rig = StageRig()
    steps = dict(zip([*BEFORE_WORK, *TO_THE_MODEL], milliseconds, strict=False))
    ended = rig.clock.seconds
    rig.clock.seconds += milliseconds[-1] / 1000
    rig.outcomes.put(Failed(rig.source.upload(IDS[0]), EmptyObjectError("no bytes"), steps, ended))
    rig.commit.step()
    assert add_up(rig.store.results[IDS[0]].timings_ms)


def add_up(timings: dict[str, float]) -> bool:
    """Whether the steps add up to the total, digit by digit as JSON has them."""
    return sum(Decimal(str(ms)) for step, ms in timings.items() if step != "total") == Decimal(
        str(timings["total"])
    )
