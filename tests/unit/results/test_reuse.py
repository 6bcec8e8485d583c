"""Tests of reuse: which scores are reused, and which are not."""

import io
from typing import Literal

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from structlog.testing import capture_logs

from tests.support.fakes import PickyModel, ScriptedSource
from tests.support.stage_rig import IDS, StageRig, photo
from worker.errors import Part
from worker.messages import Outputs
from worker.result import DuplicateOf, Result, Tip
from worker.results.reuse import Reuse


class TolerantModel(PickyModel):
    """Gives every photo a 3."""

    def predict(self, batch: npt.NDArray[np.uint8]) -> Outputs:
        self.batches.append(len(batch))
        return {"score": np.full(len(batch), 3, np.float32)}


def noisy(level: int) -> bytes:
    """A photo with content. Each compression level gives other bytes."""
    stream = io.BytesIO()
    pixels = np.random.default_rng(5).integers(0, 255, (10, 10, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(stream, "PNG", compress_level=level)
    return stream.getvalue()


def soup(tint: tuple[float, float]) -> bytes:
    """A photo with content; whatever its colours are, it is as bright."""
    stream = io.BytesIO()
    luma = np.random.default_rng(5).integers(60, 190, (10, 10), dtype=np.uint8)
    planes = [luma, *(np.full_like(luma, 128 + shift) for shift in tint)]
    Image.fromarray(np.stack(planes, axis=-1), "YCbCr").convert("RGB").save(stream, "PNG")
    return stream.getvalue()


def look_alikes(reuse: Reuse) -> StageRig:
    """A rig with two photos that look the same."""
    source = ScriptedSource(photos={IDS[0]: noisy(0), IDS[1]: noisy(9)})
    return StageRig(source, reuse=reuse, models=[TolerantModel()])


def commit(rig: StageRig, *keys: str) -> list[Result]:
    """Take photos through all stages and return their results."""
    rig.commit_all(*(rig.source.upload(key) for key in keys))
    return [rig.store.results[key] for key in keys]


def prepare(rig: StageRig, key: str) -> None:
    rig.uploads.put(rig.source.upload(key))
    rig.prepare.step()


def test_copies_in_one_batch_go_through_the_model_once() -> None:
    photos = {IDS[0]: photo(2), IDS[1]: photo(4), IDS[2]: photo(2), IDS[3]: photo(2)}
    rig = StageRig(ScriptedSource(photos=dict(photos)))
    assert [result.score for result in commit(rig, *IDS[:4])] == [2, 4, 2, 2]
    assert rig.models[0].batches == [2]


def test_a_copy_of_a_scored_photo_bypasses_the_model_and_names_the_photo_with_the_scores() -> None:
    rig = StageRig(ScriptedSource(photos={key: photo(2) for key in IDS[:3]}))
    (first,) = commit(rig, IDS[0])
    prepare(rig, IDS[1])
    rig.commit.step()
    second = rig.store.results[IDS[1]]
    assert rig.models[0].batches == [1]
    assert (first.reused_from, second.reused_from) == (None, IDS[0])
    assert second.source.key == IDS[1]
    assert rig.telemetry.counts["scores_reused"] == 1


def test_a_copy_has_all_the_scores_and_the_look_of_its_original() -> None:
    rig = StageRig(ScriptedSource(photos={key: noisy(0) for key in IDS[:2]}))
    (first,) = commit(rig, IDS[0])
    tipped = first.model_copy(update={"tip": Tip(id="tip", text="Good.")})
    rig.store.results[IDS[0]] = tipped
    prepare(rig, IDS[1])
    rig.commit.step()
    copied = ("score", "score_mean", "tip", "inference", "models", "image_hash", "image_colours", "decoded")
    found = [[getattr(one, field) for field in copied] for one in (tipped, rig.store.results[IDS[1]])]
    assert found[0] == found[1]
    assert None not in found[0]


@pytest.mark.parametrize(("thumbnails", "batches"), [("auto", [1]), ("off", [1, 1])])
def test_scores_of_a_thumbnail_are_reused_unless_the_setting_is_off(
    thumbnails: Literal["auto", "off"], batches: list[int]
) -> None:
    source = ScriptedSource(photos={key: noisy(0) for key in IDS[:2]})
    rig = StageRig(source, thumbnails=thumbnails)
    (first,) = commit(rig, IDS[0])
    rig.store.results[IDS[0]] = first.model_copy(update={"decoded": "thumbnail"})
    (second,) = commit(rig, IDS[1])
    assert rig.models[0].batches == batches
    assert second.decoded == ("thumbnail" if thumbnails == "auto" else "photo")


def test_a_look_up_that_fails_is_logged_with_its_reason() -> None:
    rig = StageRig(ScriptedSource(photos={IDS[0]: photo(2)}))
    rig.store.away = True
    with capture_logs() as logs:
        rig.infer_all(rig.source.upload(IDS[0]))
    assert logs[0] == {"event": "look_up_failed", "log_level": "warning", "reason": "Redis does not answer"}


@pytest.mark.parametrize("change", ["models", "algorithm", "colours", "failed", "outage", "setting"])
def test_unsuitable_or_unreachable_scores_are_not_reused(change: str) -> None:
    source = ScriptedSource(photos={key: photo(2) for key in IDS[:2]})
    rig = StageRig(source, reuse="none" if change == "setting" else "exact")
    (first,) = commit(rig, IDS[0])
    changes: dict[str, dict[str, object]] = {
        "models": {"models": {"picky": "2"}},
        "algorithm": {"image_hash": "phash-0:0000000000000000"},
        "colours": {"image_hash": "phash-1:0000000000000000", "image_colours": None},
        "failed": {"status": "failed"},
    }
    rig.store.results[IDS[0]] = first.model_copy(update=changes.get(change, {}))
    rig.store.away = change == "outage"
    rig.infer_all(source.upload(IDS[1]))
    assert rig.models[0].batches == [1, 1]


@pytest.mark.parametrize(("kind", "reused"), [("near", False), ("exact", True)])
def test_the_scores_of_a_look_alike_are_reused_only_once(kind: str, reused: bool) -> None:
    rig = look_alikes("near")
    (first,) = commit(rig, IDS[0])
    original = DuplicateOf.model_validate({"image_id": "earlier", "distance": 0, "kind": kind})
    update = {"reused_from": "earlier", "duplicate_of": original}
    rig.store.results[IDS[0]] = first.model_copy(update=update)
    prepare(rig, IDS[1])
    assert rig.ready.qsize() == (0 if reused else 1)


def test_nothing_is_looked_up_while_the_store_is_away() -> None:
    source = ScriptedSource(photos={key: photo(2) for key in IDS[:2]})
    rig = StageRig(source)
    rig.store.away = True
    for _ in range(2):
        rig.outages.note_failure(Part.STORE, "away")
    rig.infer_all(source.upload(IDS[1]))
    assert "look_up_failed" not in rig.telemetry.counts


@pytest.mark.parametrize(("reuse", "batches"), [("exact", [1, 1]), ("near", [1])])
def test_a_look_alike_is_scored_unless_its_scores_may_be_reused(reuse: Reuse, batches: list[int]) -> None:
    rig = look_alikes(reuse)
    commit(rig, IDS[0])
    prepare(rig, IDS[1])
    if rig.ready.qsize():
        rig.infer.steps[0]()
    rig.commit.step()
    assert rig.models[0].batches == batches
    assert rig.store.results[IDS[1]].reused_from == (IDS[0] if reuse == "near" else None)


def test_the_score_of_a_tomato_soup_is_not_passed_to_a_pea_soup() -> None:
    photos = {IDS[0]: soup((-20, 40)), IDS[1]: soup((-20, -30))}
    rig = StageRig(ScriptedSource(photos=dict(photos)), reuse="near", models=[TolerantModel()])
    tomato, pea = commit(rig, *IDS[:2])
    assert tomato.image_hash == pea.image_hash is not None
    assert None is not tomato.image_colours != pea.image_colours is not None
    assert (pea.reused_from, sum(rig.models[0].batches)) == (None, 2)


def test_the_timings_include_the_look_up_of_a_look_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = look_alikes("near")
    commit(rig, IDS[0])
    slow_look_up = rig.slowly(2.0, rig.store.find_look_alike)
    monkeypatch.setattr(rig.store, "find_look_alike", slow_look_up)
    prepare(rig, IDS[1])
    rig.commit.step()
    result = rig.store.results[IDS[1]]
    assert result.reused_from == IDS[0]
    assert list(result.timings_ms) == ["notify", "queue", "wait", "fetch", "decode", "commit", "total"]
    assert (result.timings_ms["commit"], result.timings_ms["total"]) == (2000, 2000)
