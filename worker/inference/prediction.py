"""Runs all models of a replica on photos; copies of one photo go through them once."""

from collections.abc import Sequence

import numpy as np

from worker.errors import ModelError
from worker.inference.serving import Replica
from worker.messages import Outputs, Prepared


def predict(replica: Replica, batch: Sequence[Prepared]) -> list[Outputs]:
    """Each model's outputs for the batch. Raises ModelError."""
    distinct, places = _without_copies(batch)
    pixels = np.stack([photo.pixels for photo in distinct])
    outputs = [model.predict(pixels) for model in replica]
    for model, rows_by_role in zip(replica, outputs, strict=True):
        for role, rows in rows_by_role.items():
            if len(rows) != len(distinct):
                name = model.bundle.name
                raise ModelError(f"model {name} gave {len(rows)} {role} for {len(distinct)} photos")
    if len(distinct) == len(batch):
        return outputs
    return [{role: rows[places] for role, rows in one.items()} for one in outputs]


def takes_plain_photo(replica: Replica) -> bool:
    """Whether the models take a black photo, as they did at their start."""
    try:
        for model in replica:
            size = model.bundle.manifest.input
            model.predict(np.zeros((1, size.height, size.width, 3), np.uint8))
    except ModelError:
        return False
    return True


def _without_copies(batch: Sequence[Prepared]) -> tuple[list[Prepared], list[int]]:
    """The photos with distinct bytes, and the place among them of each photo in the batch."""
    distinct, places, known = list[Prepared](), list[int](), dict[object, int]()
    for photo in batch:
        place = known.setdefault(photo.upload.object.sha256 or id(photo), len(distinct))
        if place == len(distinct):
            distinct.append(photo)
        places.append(place)
    return distinct, places
