"""infer: batches, refusals, copies and devices."""

import pytest

from tests.support.fakes import CrampedModel, ForgetfulModel, PickyModel, ScriptedSource
from tests.support.stage_rig import IDS, StageRig, answers, photo
from worker.errors import ModelError, Part, Verdict
from worker.messages import Failed, Scored


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
    assert signs == [*range(15)]


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


def test_a_model_that_refuses_every_photo_is_in_an_outage_until_it_takes_one() -> None:
    source = ScriptedSource(photos={IDS[0]: photo(3), IDS[1]: photo(3), IDS[2]: photo(4)})
    rig = StageRig(source, models=[PickyModel(dislikes=3)])
    rig.infer_all(source.upload(IDS[0]), source.upload(IDS[1]))
    assert rig.outages.ongoing(Part.MODEL)
    rig.infer_all(source.upload(IDS[2]))
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
