"""Turns the models' outputs for a photo into score, tip and the numbers in the result. Pure."""

from collections.abc import Sequence

import numpy as np

from worker.errors import ModelError
from worker.inference import tips
from worker.inference.bundle import Bundle
from worker.messages import Outputs, Scores
from worker.result import Inference, Label, Tip

DIGITS = 4  # of the probabilities and means in a result


def score(bundles: Sequence[Bundle], outputs: Sequence[Outputs], index: int, image_id: str) -> Scores:
    """Read row `index`; the first model gives score and tip. Raises ModelError for bad numbers."""
    inferences = {b.name: _read_row(b, out, index) for b, out in zip(bundles, outputs, strict=True)}
    versions = {bundle.name: bundle.version for bundle in bundles}
    bundle = bundles[0]
    first = inferences[bundle.name]
    if not _is_food(bundle, first):
        return Scores(None, None, _tip(bundle, "", None, image_id), inferences, versions)
    mean = first.score_mean
    if mean is None:  # cannot happen: _read_row sets it. For the type checker
        raise ModelError(f"model {bundle.name} gave no score")
    rounded = int(mean + 0.5)  # halves go up
    tip = _tip(bundle, _food_group(bundle, outputs[0], index), rounded, image_id)
    return Scores(rounded, mean, tip, inferences, versions)


def _read_row(bundle: Bundle, outputs: Outputs, index: int) -> Inference:
    row = {role: np.asarray(values[index], np.float64).ravel() for role, values in outputs.items()}
    if not all(np.isfinite(values).all() for values in row.values()):
        raise ModelError(f"model {bundle.name} gave a number that is not finite")
    probs = row["score_probs"].clip(0, 1) if "score_probs" in row else None
    food = row.get("food_probability")
    return Inference(
        score_probs=_round(probs) if probs is not None else None,
        score_mean=round(_mean(bundle, probs, row.get("score")), DIGITS),
        food_probability=round(float(food[0].clip(0, 1)), DIGITS) if food is not None else None,
        labels=_top_labels(bundle, row["labels"]) if "labels" in row else None,
    )


def _mean(bundle: Bundle, probs: np.ndarray | None, score: np.ndarray | None) -> float:
    if score is not None:
        return float(score[0].clip(1, 5))
    if probs is None or probs.sum() <= 0:
        raise ModelError(f"model {bundle.name} gave every score the probability 0")
    return float(probs @ np.arange(1, 6) / probs.sum())


def _is_food(bundle: Bundle, inference: Inference) -> bool:
    food, probability = bundle.manifest.food, inference.food_probability
    return food is None or probability is None or probability >= food.threshold


def _top_labels(bundle: Bundle, probs: np.ndarray) -> list[Label]:
    top = bundle.manifest.labels.top if bundle.manifest.labels else 0
    best = _largest(probs, top)
    rounded = _round(probs[best].clip(0, 1))
    return [Label(name=bundle.labels[i].name, probability=p) for i, p in zip(best, rounded, strict=True)]


def _largest(values: np.ndarray, count: int) -> np.ndarray:
    """Return the places of the largest values, the first of equal ones first. Sorts only these few."""
    least = np.partition(values, -count)[-count] if 0 < count < len(values) else -np.inf
    places = np.flatnonzero(values >= least)
    return places[np.argsort(-values[places], kind="stable")][:count]


def _food_group(bundle: Bundle, outputs: Outputs, index: int) -> str:
    """Group of the most probable label that is food; empty if the model has no labels."""
    if "labels" not in outputs:
        return ""
    probs = np.asarray(outputs["labels"][index]).ravel()[bundle.foods]
    return bundle.labels[bundle.foods[probs.argmax()]].group if len(probs) else ""


def _tip(bundle: Bundle, group: str, rounded: int | None, image_id: str) -> Tip | None:
    chosen = tips.choose(bundle.tips, group, rounded, image_id)
    return Tip(id=chosen.id, text=chosen.text) if chosen else None


def _round(values: np.ndarray) -> list[float]:
    return [round(value, DIGITS) for value in values.tolist()]
