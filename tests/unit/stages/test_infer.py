"""infer: batches, refusals, copies and devices."""

import numpy as np
import pytest

from tests.support.fakes import CrampedModel, ForgetfulModel, PickyModel, ScriptedSource
from tests.support.stage_rig import IDS, StageRig, answers, photo
from worker.errors import ModelError, Part, Verdict
from worker.inference.serving import Photos
from worker.messages import Failed, Outputs, Prepared, Scored
from worker.pipeline.queues import BoundedQueue, ShutDown
from worker.pipeline.waiting_room import WaitingRoom


def test_infer_scores_a_batch_and_keeps_each_answer_with_its_photo() -> None:
    source = ScriptedSource(photos={key: photo(1 + n % 5, n) for n, key in enumerate(IDS[:6])})
    rig = StageRig(source)
    outcomes = rig.infer_all(*(source.upload(key) for key in IDS[:6]))
    assert rig.models[0].batches == [6]
    assert answers(outcomes) == {key: 1 + n % 5 for n, key in enumerate(IDS[:6])}


def test_the_first_of_several_models_gives_the_score() -> None:
    source = ScriptedSource(photos={IDS[0]: photo(3)})
    rig = StageRig(source, models=[PickyModel(name="one"), PickyModel(name="two")])
    (outcome,) = rig.infer_all(source.upload(IDS[0]))
    assert isinstance(outcome, Scored)
    assert set(outcome.scores.inference) == {"one", "two"}
    assert outcome.scores.score == 3


def test_models_that_come_while_a_device_waits_score_what_comes_next(monkeypatch: pytest.MonkeyPatch) -> None:
    source = ScriptedSource(photos={IDS[0]: photo(3)})
    rig, newer, get = StageRig(source), PickyModel(), BoundedQueue.get

    def wait(items: BoundedQueue[Prepared], block: bool = True, timeout: float | None = None) -> Prepared:
        if items is rig.ready:
            rig.serving.replace([[newer]])
        return get(items, block, timeout)

    monkeypatch.setattr(BoundedQueue, "get", wait)
    rig.infer_all(source.upload(IDS[0]))
    assert (rig.models[0].batches, newer.batches) == ([], [1])


@pytest.mark.parametrize("count", [1, 2, 5, 8])
def test_a_refused_batch_is_halved_until_the_bad_photo_is_alone(count: int) -> None:
    source = ScriptedSource(
        photos={key: photo(5 if key == IDS[0] else 3, n) for n, key in enumerate(IDS[:count])}
    )
    rig = StageRig(source, models=[PickyModel(dislikes=5)])
    outcomes = rig.infer_all(*(source.upload(key) for key in IDS[:count]))
    assert len(outcomes) == count
    (refused,) = [o for o in outcomes if isinstance(o, Failed)]
    assert isinstance(refused.error, ModelError)
    assert (refused.upload.photo.image_id, refused.verdict) == (IDS[0], Verdict.RELEASE)


def test_infer_shows_signs_of_life_between_the_halves_of_a_refused_batch() -> None:
    source = ScriptedSource(photos={key: photo(5, n) for n, key in enumerate(IDS[:8])})
    rig = StageRig(source, models=[PickyModel(dislikes=5)])
    signs = list[int]()
    rig.outcomes.alive = lambda: signs.append(len(rig.models[0].batches))
    rig.infer_all(*(source.upload(key) for key in IDS[:8]))
    assert signs == [*range(15 + 8)]  # a plain photo after each one that is refused alone


def test_a_batch_without_memory_is_halved_and_its_size_is_never_tried_again() -> None:
    source = ScriptedSource(photos={key: photo(3, n) for n, key in enumerate(IDS[:16])})
    model = CrampedModel(room=3)
    rig = StageRig(source, models=[model])
    outcomes = rig.infer_all(*(source.upload(key) for key in IDS[:8]))
    assert [o.verdict for o in outcomes] == [Verdict.ACKNOWLEDGE] * 8
    assert model.batches == [8, 4, 2, 2, 2, 2]
    model.batches.clear()
    rig.infer_all(*(source.upload(key) for key in IDS[8:16]))
    assert model.batches == [2]


def test_one_photo_that_the_model_refuses_over_and_over_is_no_outage() -> None:
    source = ScriptedSource(photos={key: photo(3) for key in IDS[:2]})  # its copy is the same photo
    rig = StageRig(source, models=[PickyModel(dislikes=3)])
    for key in (*IDS[:2], *IDS[:2]):
        (outcome,) = rig.infer_all(source.upload(key))
        assert outcome.verdict is Verdict.RELEASE
        rig.clock.seconds += 100
    assert not rig.outages.ongoing(Part.MODEL)
    assert rig.outages.longest() == (0.0, "")


def away() -> StageRig:
    """A rig whose model is in an outage: it refused two photos, and a plain one. Both wait."""
    source = ScriptedSource(photos={key: photo(3, n) for n, key in enumerate(IDS[:8])})
    rig = StageRig(source)
    rig.infer.room.look = 0.0
    rig.models[0].away = True
    assert rig.infer_all(source.upload(IDS[0]), source.upload(IDS[1], number=2)) == []
    assert rig.outages.ongoing(Part.MODEL)
    return rig


def test_photos_wait_while_the_model_is_away_and_are_tried_again_when_it_takes_one() -> None:
    rig = away()
    assert rig.infer_all(rig.source.upload(IDS[2], number=3)) == []
    assert len(rig.infer.room) == 3
    rig.models[0].away = False
    (first,) = rig.infer_all(rig.source.upload(IDS[3], number=4))
    rig.infer.steps[0]()
    assert isinstance(first, Scored)
    assert answers([rig.outcomes.get(block=False) for _ in range(3)]) == dict.fromkeys(IDS[:3], 3)
    assert not rig.outages.ongoing(Part.MODEL)


def test_a_photo_that_waits_probes_the_model_now_and_then() -> None:
    rig = away()
    tries = len(rig.models[0].batches)
    rig.infer.steps[0]()
    assert len(rig.models[0].batches) == tries
    rig.clock.seconds += 0.5
    rig.infer.steps[0]()
    rig.infer.steps[0]()
    assert len(rig.models[0].batches) == tries + 2  # the photo, and a plain one
    rig.models[0].away = False
    rig.clock.seconds += 0.5
    rig.infer.steps[0]()
    rig.infer.steps[0]()
    assert answers([rig.outcomes.get(block=False) for _ in range(2)]) == dict.fromkeys(IDS[:2], 3)


def test_a_photo_that_is_refused_again_though_the_model_took_others_is_released() -> None:
    rig = away()
    rig.models[0].away, rig.models[0].dislikes = False, 3
    rig.source.photos[IDS[2]] = photo(4)
    (good,) = rig.infer_all(rig.source.upload(IDS[2], number=3))
    assert isinstance(good, Scored)
    rig.infer.steps[0]()
    assert answers([rig.outcomes.get(block=False) for _ in range(2)]) == dict.fromkeys(
        IDS[:2], "model_trouble"
    )
    assert not rig.outages.ongoing(Part.MODEL)


def test_photos_that_a_model_refuses_while_it_takes_a_plain_one_never_wait() -> None:
    source = ScriptedSource(photos={key: photo(3, n) for n, key in enumerate(IDS[:4])})
    rig = StageRig(source, models=[PickyModel(dislikes=3)])
    for number, key in enumerate(IDS[:4]):
        (outcome,) = rig.infer_all(source.upload(key, number=number))
        assert outcome.verdict is Verdict.RELEASE
    assert not rig.outages.ongoing(Part.MODEL)
    assert len(rig.infer.room) == 0


def test_while_the_room_is_full_nothing_more_is_taken() -> None:
    rig = away()
    rig.infer.room = WaitingRoom(0, rig.outages, rig.clock)
    assert rig.infer_all(rig.source.upload(IDS[2])) == []
    assert rig.ready.qsize() == 1


@pytest.mark.parametrize("end", ["stopping", "ready is closed"])
def test_at_a_stop_the_photos_that_wait_for_the_model_are_returned(end: str) -> None:
    rig = away()
    if end == "stopping":
        rig.stopping.set()
        rig.infer.steps[0]()
    else:
        rig.ready.shutdown()
        with pytest.raises(ShutDown):
            rig.infer.steps[0]()
    assert {rig.outcomes.get(block=False).verdict for _ in range(2)} == {Verdict.RETURN}
    assert len(rig.infer.room) == 0


class SenselessModel(PickyModel):
    """Gives no number for a photo it dislikes."""

    def predict(self, batch: Photos) -> Outputs:
        scores = batch[:, 0, 0, 0].astype(np.float32)
        return {"score": np.where(scores == self.dislikes, np.nan, scores)}


def test_photos_whose_outputs_make_no_sense_are_no_outage_beside_one_that_is_scored() -> None:
    source = ScriptedSource(photos={IDS[0]: photo(5, 0), IDS[1]: photo(3), IDS[2]: photo(5, 1)})
    rig = StageRig(source, models=[SenselessModel(dislikes=5)])
    outcomes = rig.infer_all(*(source.upload(key, number=n) for n, key in enumerate(IDS[:3])))
    assert answers(outcomes) == {IDS[0]: "model_trouble", IDS[1]: 3, IDS[2]: "model_trouble"}
    assert not rig.outages.ongoing(Part.MODEL)


def test_a_model_that_answers_for_too_few_photos_scores_none() -> None:
    source = ScriptedSource(photos={key: photo(3) for key in IDS[:2]})
    rig = StageRig(source, models=[ForgetfulModel()])
    outcomes = rig.infer_all(*(source.upload(key) for key in IDS[:2]))
    assert [type(o.error) for o in outcomes if isinstance(o, Failed)] == [ModelError, ModelError]


def test_each_device_takes_its_own_batches_from_the_same_queue() -> None:
    source = ScriptedSource(photos={key: photo(3, n) for n, key in enumerate(IDS[:12])})
    one, other = PickyModel(largest_batch=8), PickyModel(largest_batch=8)
    rig = StageRig(source, replicas=[[one], [other]])
    for key in IDS[:12]:
        rig.uploads.put(source.upload(key))
        rig.prepare.step()
    for step in rig.infer.steps:
        step()
    assert (one.batches, other.batches) == ([8], [4])
    assert rig.outcomes.qsize() == 12


def test_the_reasons_that_close_batches_are_counted() -> None:
    source = ScriptedSource(photos={key: photo(3, n) for n, key in enumerate(IDS[:12])})
    rig = StageRig(source, models=[PickyModel(largest_batch=8)])
    rig.infer_all(*(source.upload(key) for key in IDS[:12]))
    rig.infer.steps[0]()
    assert rig.telemetry.counts["batches_closed_full"] == 1
    assert rig.telemetry.counts["batches_closed_device_free"] == 1
