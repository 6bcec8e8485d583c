"""Photos in other colours, as bright as before: how many are taken for the photo itself.

A hash of the luminance takes them all. Some photos have hardly any colours: what was changed so
little that nobody sees it does not count.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from PIL import Image

from bench.duplicates.quality.album import Picture, upright
from bench.duplicates.quality.variants import jpeg
from tests.support.colours import turn_hue
from worker.photos.hashes import Algorithm
from worker.photos.looks import Look, are_alike, chroma
from worker.results import look_alikes

DEGREES = (30, 45, 60, 90, 120, 180)
MIDDLE = 0.5  # of each side, an ellipse: what lies in a plate
VISIBLE = 20.0  # ΔE without lightness, in a tenth of the picture at least
SIDE = 64  # pixels at which two pictures are compared for that


def recolourings() -> dict[str, Callable[[Image.Image], bytes]]:
    """Return every change of colours by name."""
    made: dict[str, Callable[[Image.Image], bytes]] = {}
    for degrees in DEGREES:
        made[f"hue turned by {degrees}°"] = partial(_turn, degrees=degrees)
        made[f"hue of the middle turned by {degrees}°"] = partial(_turn, degrees=degrees, middle=MIDDLE)
    return made | {"without colours": lambda image: jpeg(image.convert("L").convert("RGB"))}


def confuse(
    algorithm: Algorithm, wholes: Sequence[Picture], look_of: Callable[[Algorithm, bytes], Look]
) -> dict[str, dict[str, Any]]:
    """Count those that changed visibly, and how many of them are near: by hash, and by hash and colours."""
    shown = [upright(whole) for whole in wholes]
    looks = [look_of(algorithm, whole.data) for whole in wholes]
    found = dict[str, dict[str, Any]]()
    for name, make in recolourings().items():
        by_hash = with_colours = count = 0
        for image, look in zip(shown, looks, strict=True):
            data = make(image)
            if not changed_visibly(image, data):
                continue
            other = look_of(algorithm, data)
            apart = look_alikes.distance(look.image_hash, other.image_hash)
            is_near = apart is not None and apart <= algorithm.radius
            count += 1
            by_hash += is_near
            with_colours += is_near and are_alike(look.image_colours, other.image_colours)
        found[name] = {"count": count, "by_hash": by_hash, "with_colours": with_colours}
    columns = ("count", "by_hash", "with_colours")
    return found | {"all": {column: sum(row[column] for row in found.values()) for column in columns}}


def changed_visibly(image: Image.Image, data: bytes) -> bool:
    """Whether anybody sees that an RGB picture and an encoded one have other colours."""
    one, other = (_chroma(picture) for picture in (image, upright(Picture("", 0, data))))
    return bool(np.quantile(np.linalg.norm(one - other, axis=-1), 0.9) >= VISIBLE)


def _chroma(image: Image.Image) -> "np.ndarray[Any, Any]":
    return chroma(np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BOX), np.float64) / 255)


def _turn(image: Image.Image, degrees: float, middle: float = 0.0) -> bytes:
    return jpeg(turn_hue(image, degrees, middle))
