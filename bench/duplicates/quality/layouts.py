"""Why colours are kept as they are: other layouts, and what each takes for the same photo.

Each gets the bound that keeps as many of the ordinary variants, so that only mistakes differ.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from bench.duplicates.quality.album import Picture, upright
from bench.duplicates.quality.recoloured import changed_visibly, recolourings
from worker.photos.looks import chroma

KEPT = 0.995  # of the variants
SIDE = 48  # pixels of the thumbnails that layouts are taken from
GRIDS = (1, 2, 3, 4, 6)
# The first six frequencies of MPEG-7's zigzag, its number for a coarse descriptor.
FREQUENCIES = ((0, 0), (0, 1), (1, 0), (2, 0), (1, 1), (0, 2))
PARTS = 8  # each way, of MPEG-7's grid

Floats = npt.NDArray[np.float64]
Distance = Callable[[Floats, Floats], float]  # between two thumbnails, [SIDE, SIDE, 3], 0 … 1


def compare(
    wholes: Sequence[Picture], made: Mapping[str, Sequence[bytes]], near: Callable[[bytes, bytes], bool]
) -> dict[str, dict[str, Any]]:
    """Count mistakes of each layout among recoloured photos; `near` compares two photos by hash alone."""
    shown = [upright(whole) for whole in wholes]
    variants, others = list[tuple[Floats, Floats]](), list[tuple[Floats, Floats]]()
    for place, (whole, image) in enumerate(zip(wholes, shown, strict=True)):
        own = _thumbnail(image)
        same = [data for of_all in made.values() if near(whole.data, data := of_all[place])]
        recoloured = [make(image) for make in recolourings().values()]
        different = [data for data in recoloured if changed_visibly(image, data) and near(whole.data, data)]
        variants += [(own, _thumbnail(upright(Picture("", 0, data)))) for data in same]
        others += [(own, _thumbnail(upright(Picture("", 0, data)))) for data in different]
    return {name: _mistaken(distance, variants, others) for name, distance in layouts().items()}


def layouts() -> dict[str, Distance]:
    """Return the distance of each layout by its name."""
    grids: dict[str, Distance] = {f"{side} × {side} parts, CIELAB": _by_parts(side) for side in GRIDS}
    return grids | {"MPEG-7's: 8 × 8 parts, 6 frequencies of Cb and Cr": _by_frequencies}


def _mistaken(
    distance: Distance, variants: Sequence[tuple[Floats, Floats]], others: Sequence[tuple[Floats, Floats]]
) -> dict[str, Any]:
    bound = float(np.quantile([distance(*pair) for pair in variants], KEPT))
    mistaken = sum(distance(*pair) <= bound for pair in others)
    return {"bound": bound, "count": len(others), "mistaken": mistaken}


def _by_parts(side: int) -> Distance:
    """The largest difference of chroma between two parts in the same place."""

    def distance(one: Floats, other: Floats) -> float:
        apart = chroma(_means(one, side)) - chroma(_means(other, side))
        return float(np.linalg.norm(apart, axis=-1).max())

    return distance


def _by_frequencies(one: Floats, other: Floats) -> float:
    """The distance of the descriptors of MPEG-7 (ISO/IEC 15938-3), as exact numbers and without luminance."""
    apart = _cb_cr(_means(one, PARTS)) - _cb_cr(_means(other, PARTS))
    pixel, frequency = np.arange(PARTS), np.arange(3)[:, None]
    waves = np.cos(np.pi * frequency * (2 * pixel + 1) / (2 * PARTS)) * np.where(frequency, np.sqrt(2), 1)
    low = np.einsum("ui,ijc,vj->uvc", waves, apart, waves) / PARTS**2
    return float(np.linalg.norm([low[place] for place in FREQUENCIES]))


def _cb_cr(rgb: Floats) -> Floats:
    """Convert to Cb and Cr (JFIF)."""
    planes: Floats = rgb @ np.array([[-0.168736, 0.5], [-0.331264, -0.418688], [0.5, -0.081312]])
    return planes


def _means(thumbnail: Floats, side: int) -> Floats:
    size = SIDE // side
    means: Floats = thumbnail.reshape(side, size, side, size, 3).mean(axis=(1, 3))
    return means


def _thumbnail(image: Image.Image) -> Floats:
    return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BOX), np.float64) / 255
