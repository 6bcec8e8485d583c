"""How a photo looks, in two short texts: the hash of its luminance, and its colours, which no hash sees. Pure.

A red soup and a green one in the same plate have the same hash. So photos look alike only if their
colours agree, too, place by place.
"""

import re
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from worker.photos.hashes import Algorithm
from worker.photos.spaces import from_srgb_curve

LABEL, VERSION = "lab-1", 1  # raise both when any photo's colours change: others are not compared
SIDE = 4  # cells each way
STEP = 6.0  # ΔE of CIELAB; a cell's a* and b* have 16 steps each, from −48 to 42
MOST_APART = 5  # square of the steps between two cells of one colour: some 13 ΔE
GAP = 2.0  # a cheap reduction leaves this many times the cells
COLOURS = re.compile(rf"{LABEL}:([0-9a-f]{{{2 * SIDE * SIDE}}})")  # two digits a cell

# sRGB (IEC 61966-2-1) → XYZ relative to its white, D65
_TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
_TO_XYZ /= _TO_XYZ.sum(axis=1, keepdims=True)


class Look(NamedTuple):
    """The hash of a photo and its colours, both `algorithm-version:hex`. None, None without content.

    Colours alone are missing from what workers wrote that knew none.
    """

    image_hash: str | None = None
    image_colours: str | None = None

    @property
    def is_whole(self) -> bool:
        """Whether no colours are missing beside the hash."""
        return self.image_hash is None or bool(packed(self.image_colours))


def look(photo: Image.Image, algorithm: Algorithm) -> Look:
    """Hash an upright RGB photo, and take its colours."""
    image_hash = algorithm(photo)
    return Look(image_hash, colours(photo) if image_hash else None)


def colours(photo: Image.Image) -> str:
    """Take the colours of an upright RGB photo: a* and b* of the mean of each cell, row by row.

    The layout of MPEG-7's colour layout descriptor (ISO/IEC 15938-3; E. Kasutani, A. Yamada, "The
    MPEG-7 color layout descriptor", ICIP 2001), but without its cosine transform, which spreads a
    change in one place over all numbers, and in CIELAB without lightness, where brightness changes
    least. docs/duplicates.md has what was measured.
    """
    cells = photo.resize((SIDE, SIDE), Image.Resampling.BOX, reducing_gap=GAP)
    steps = np.rint(chroma(np.asarray(cells, np.float64) / 255) / STEP).clip(-8, 7).astype(int) + 8
    return f"{LABEL}:{bytes((steps @ [16, 1]).ravel().tolist()).hex()}"


def are_alike(one: str | None, other: str | None) -> bool:
    """Whether two photos are known to have the same colours, each in its place."""
    mine, theirs = packed(one), packed(other)
    if not mine or len(mine) != len(theirs):
        return False
    apart = _steps(mine) - _steps(theirs)
    return bool((np.square(apart).sum(axis=1) <= MOST_APART).all())


def packed(image_colours: str | None) -> bytes:
    """Write colours as bytes: their version, then a byte for each cell. Empty if they are not ours."""
    ours = COLOURS.fullmatch(image_colours or "")
    return bytes([VERSION]) + bytes.fromhex(ours[1]) if ours else b""


def _steps(colours: bytes) -> npt.NDArray[np.int64]:
    """Read a* and b* of each cell, in steps: [cells, 2]."""
    cells = np.frombuffer(colours[1:], np.uint8).astype(np.int64)
    return np.stack([cells // 16, cells % 16], axis=1)


def chroma(rgb: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Convert sRGB, 0 … 1, to a* and b* of CIELAB (ISO/CIE 11664-4): [..., 3] → [..., 2]."""
    xyz = from_srgb_curve(rgb) @ _TO_XYZ.T
    x, y, z = np.moveaxis(np.where(xyz > 216 / 24389, np.cbrt(xyz), xyz * 841 / 108 + 4 / 29), -1, 0)
    return np.stack([500 * (x - y), 200 * (y - z)], axis=-1)
