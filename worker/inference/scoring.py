"""Turns the models' outputs for a batch into each photo's score, tip and the numbers in its result. Pure.

All photos of a batch are read together: numpy takes about as long for one row as for thirty-two.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from worker.errors import ModelError
from worker.inference import tips
from worker.inference.bundle import Bundle
from worker.messages import Outputs, Scores
from worker.result import Inference, Tip

DIGITS = 4  # of the probabilities and means in a result

Table = npt.NDArray[np.float64]  # [photos, numbers of a role]
Tables = Mapping[str, Table]  # by role
Read = tuple[Inference, str]  # what a model says of a photo, and the group of its food


def score_all(
    bundles: Sequence[Bundle], outputs: Sequence[Outputs], image_ids: Sequence[str]
) -> list[Scores | ModelError]:
    """Score each photo, or say what is wrong with its numbers. The first model gives score and tip."""
    versions = {bundle.name: bundle.version for bundle in bundles}
    reads = [_read(*model, len(image_ids)) for model in zip(bundles, outputs, strict=True)]
    by_photo = zip(image_ids, *reads, strict=True)
    return [_score(bundles, of_photo, versions, image_id) for image_id, *of_photo in by_photo]


def _score(
    bundles: Sequence[Bundle], reads: Sequence[Read | ModelError], versions: Mapping[str, str], image_id: str
) -> Scores | ModelError:
    inferences, groups = dict[str, Inference](), list[str]()
    for bundle, read in zip(bundles, reads, strict=True):
        if isinstance(read, ModelError):
            return read
        inferences[bundle.name], group = read
        groups.append(group)
    bundle, first = bundles[0], inferences[bundles[0].name]
    mean = first.score_mean
    if mean is None or not _is_food(bundle, first):
        return Scores(None, None, _tip(bundle, "", None, image_id), inferences, versions)
    rounded = int(mean + 0.5)  # halves go up
    return Scores(rounded, mean, _tip(bundle, groups[0], rounded, image_id), inferences, versions)


def _read(bundle: Bundle, outputs: Outputs, photos: int) -> Iterator[Read | ModelError]:
    """Read one model's outputs, photo by photo."""
    tables = {role: np.asarray(rows, np.float64).reshape(photos, -1) for role, rows in outputs.items()}
    is_finite = np.logical_and.reduce([np.isfinite(table).all(axis=1) for table in tables.values()])
    fields = _fields(bundle, tables)
    groups = _food_groups(bundle, tables, photos)
    for finite, group, *values in zip(is_finite.tolist(), groups, *fields.values(), strict=True):
        row = dict(zip(fields, values, strict=True))
        if not finite:
            yield ModelError(f"model {bundle.name} gave a number that is not finite")
        elif row["score_mean"] is None:
            yield ModelError(f"model {bundle.name} gave every score the probability 0")
        else:
            yield Inference.model_validate(row), group


def _fields(bundle: Bundle, tables: Tables) -> dict[str, list[Any]]:
    """Make what results show: for each field its values, photo by photo."""
    fields = dict[str, list[Any]]()
    if "score_probs" in tables:
        probs = tables["score_probs"].clip(0, 1)
        fields["score_probs"], fields["score_mean"] = _rounded(probs), _means(probs)
    else:
        fields["score_mean"] = _rounded(tables["score"][:, 0].clip(1, 5))
    if "food_probability" in tables:
        fields["food_probability"] = _rounded(tables["food_probability"][:, 0].clip(0, 1))
    if "labels" in tables:
        fields["labels"] = _top_labels(bundle, tables["labels"])
    return fields


def _means(probs: Table) -> list[float | None]:
    """The mean score of each row; None for one of zeros."""
    sums = probs.sum(axis=1)
    means = probs @ np.arange(1, 6) / np.where(sums > 0, sums, 1)
    return [mean or None for mean in _rounded(means)]


def _is_food(bundle: Bundle, inference: Inference) -> bool:
    food, probability = bundle.manifest.food, inference.food_probability
    return food is None or probability is None or probability >= food.threshold


def _top_labels(bundle: Bundle, probs: Table) -> list[list[dict[str, Any]]]:
    """The most probable labels of each row, the first of equal ones first."""
    top = min(bundle.manifest.labels.top if bundle.manifest.labels else 0, len(bundle.labels))
    least = np.partition(probs, -top)[:, -top, np.newaxis]
    rows, places = np.divmod(np.flatnonzero(probs >= least), len(bundle.labels))  # and its equals
    order = np.lexsort((-probs[rows, places], rows))  # by row, then by value; stable
    rows, places = rows[order], places[order]
    shown = _rounded(probs[rows, places].clip(0, 1))
    labels: list[list[dict[str, Any]]] = [[] for _ in probs]
    for row, place, probability in zip(rows.tolist(), places.tolist(), shown, strict=True):
        if len(labels[row]) < top:
            labels[row].append({"name": bundle.labels[place].name, "probability": probability})
    return labels


def _food_groups(bundle: Bundle, tables: Tables, photos: int) -> list[str]:
    """Group of the most probable label of each row that is food; empty if the model has no such labels."""
    if "labels" not in tables or not len(bundle.foods):
        return [""] * photos
    best = bundle.foods[tables["labels"][:, bundle.foods].argmax(axis=1)]
    return [bundle.labels[place].group for place in best.tolist()]


def _tip(bundle: Bundle, group: str, rounded: int | None, image_id: str) -> Tip | None:
    chosen = tips.choose(bundle.tips_by_group, group, rounded, image_id)
    return Tip(id=chosen.id, text=chosen.text) if chosen else None


def _rounded(values: Table) -> list[Any]:
    rounded: list[Any] = values.round(DIGITS).tolist()
    return rounded
