"""What the models put out for one photo → status, score, tip and what the result shows of it. Pure."""

from collections.abc import Sequence

import numpy as np

from worker.errors import ModelError
from worker.inference import tips
from worker.inference.bundle import Bundle
from worker.messages import Outputs, Scores
from worker.result import Inference, Label, Tip

DIGITS = 4  # of the probabilities and means in a result


def score(bundles: Sequence[Bundle], outputs: Sequence[Outputs], index: int, image_id: str) -> Scores:
    """Read row `index` of each model's outputs (role → array). Raises ModelError where a number makes no sense."""
    said = {b.name: _inference(b, out, index) for b, out in zip(bundles, outputs, strict=True)}
    versions = {bundle.name: bundle.version for bundle in bundles}
    first, bundle = said[bundles[0].name], bundles[0]
    if not _recognised(bundle, first):
        return Scores(None, None, _tip(bundle, "", None, image_id), said, versions)
    mean = first.score_mean
    if mean is None:  # _inference always sets it; this tells the type checker
        raise ModelError(f"model {bundle.name} gave no score")
    rounded = min(5, max(1, int(mean + 0.5)))  # halves go up
    tip = _tip(bundle, _food_group(bundle, outputs[0], index), rounded, image_id)
    return Scores(rounded, mean, tip, said, versions)


def _inference(bundle: Bundle, outputs: Outputs, index: int) -> Inference:
    row = {role: np.asarray(values[index], np.float64).reshape(-1) for role, values in outputs.items()}
    if not all(np.isfinite(values).all() for values in row.values()):
        raise ModelError(f"model {bundle.name} answered with a number that is not finite")
    probs = np.clip(row["score_probs"], 0, 1) if "score_probs" in row else None
    food = row.get("food_probability")
    return Inference(
        score_probs=_rounded(probs) if probs is not None else None,
        score_mean=round(_mean(bundle, probs, row.get("score")), DIGITS),
        food_probability=round(float(np.clip(food[0], 0, 1)), DIGITS) if food is not None else None,
        labels=_top_labels(bundle, row["labels"]) if "labels" in row else None,
    )


def _mean(bundle: Bundle, probs: np.ndarray | None, number: np.ndarray | None) -> float:
    if number is not None:
        return float(np.clip(number[0], 1, 5))
    total = 0.0 if probs is None else float(probs.sum())
    if probs is None or total <= 0:
        raise ModelError(f"model {bundle.name} gave no score any probability")
    return float(probs @ np.arange(1, 6)) / total


def _recognised(bundle: Bundle, said: Inference) -> bool:
    food = bundle.manifest.food
    return food is None or said.food_probability is None or said.food_probability >= food.threshold


def _top_labels(bundle: Bundle, probs: np.ndarray) -> list[Label]:
    top = bundle.manifest.labels.top if bundle.manifest.labels else 0
    best = np.argsort(-probs, kind="stable")[:top]
    shown = np.clip(probs[best], 0, 1)
    return [
        Label(name=bundle.labels[i].name, probability=p) for i, p in zip(best, _rounded(shown), strict=True)
    ]


def _food_group(bundle: Bundle, outputs: Outputs, index: int) -> str:
    """Group of the most probable label that is food; empty where the model has no labels."""
    if "labels" not in outputs:
        return ""
    probs = np.asarray(outputs["labels"][index]).reshape(-1)[bundle.foods]
    return bundle.labels[bundle.foods[probs.argmax()]].group if len(probs) else ""


def _tip(bundle: Bundle, group: str, rounded: int | None, image_id: str) -> Tip | None:
    chosen = tips.choose(bundle.tips, group, rounded, image_id)
    return Tip(id=chosen.id, text=chosen.text) if chosen else None


def _rounded(values: np.ndarray) -> list[float]:
    return [round(float(value), DIGITS) for value in values]
