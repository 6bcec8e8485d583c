"""Perceptual hashes of upright photos. A photo without content has none. Pure.

Two photos show the same picture if few bits of their hashes differ. All algorithms but PDQ, which
shrinks photos itself, start from a luminance of 32 × 32 pixels.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import imagehash
import numpy as np
import numpy.typing as npt
from PIL import Image

from worker.errors import ConfigurationError

SIDE = 32  # pixels of the luminance
GAP = 4.0  # a cheap reduction leaves this many times the pixels; at 3, more bits of drawings change
LOW = 8  # the lowest frequencies each way show what a picture looks like from afar
# In steps of luminance. Sensor noise, specks on white and plain gradients stay below 3. Photos begin at 5
# (a brick wall) and reach 20 to 130 with anything in them. A test has examples of both.
CONTENT = 4.0
PDQ_SIDE = 512  # pixels; PDQ's own reference reduces photos to this first

# RGB photo and its luminance → an array of bits, or imagehash's own type
Hash = Callable[[Image.Image, Image.Image], Any]


@dataclass(frozen=True, slots=True)
class Algorithm:
    """A way to hash. Hashes of different names or versions cannot be compared."""

    name: str
    version: int  # raise it when the bits of sRGB photos change; for others, see docs/duplicates.md
    bits: int
    radius: int  # bits that may differ between two versions of one picture
    recipe: Hash
    least: float = CONTENT  # a photo with less content has no hash

    @property
    def label(self) -> str:
        """The beginning of each of its hashes, before the colon."""
        return f"{self.name}-{self.version}"

    def made(self, image_hash: str | None) -> bool:
        """Whether a hash is one of this algorithm's own."""
        return image_hash is not None and image_hash.startswith(f"{self.label}:")

    def __call__(self, photo: Image.Image) -> str | None:
        """Hash an upright RGB photo as `name-version:hex`. None if it has no content to hash.

        The photo is shrunk in two steps: LANCZOS alone takes as long as decoding a small photo.
        """
        luminance = photo.convert("L").resize((SIDE, SIDE), Image.Resampling.LANCZOS, reducing_gap=GAP)
        if content(np.asarray(luminance)) < self.least:
            return None
        found = self.recipe(photo, luminance)
        bits = np.asarray(found.hash if isinstance(found, imagehash.ImageHash) else found, np.bool_)
        return f"{self.label}:{np.packbits(bits).tobytes().hex()}"


def find(name: str) -> Algorithm:
    """Find an algorithm by name. Raises ConfigurationError if its package is not installed."""
    if name == PDQ.name:
        try:
            import_module("pdqhash")
        except ImportError as error:
            raise ConfigurationError(f"WORKER_HASH=pdq needs the optional extra `pdq`: {error}") from None
    return ALGORITHMS[name]


def content(luminance: npt.NDArray[np.uint8]) -> float:
    """Measure how far the hash's frequencies stand out: the median of their sizes, in steps of luminance.

    A hash says on which side of a middle each frequency lies. If most frequencies are no larger than
    noise and rounding, chance decides that: in flat, black and overexposed photos, in plain
    gradients, in pictures mirrored both ways. `luminance` is uint8 [SIDE, SIDE].
    """
    sizes = np.abs(_COSINES @ luminance.astype(np.float64) @ _COSINES.T).ravel()
    sizes.partition(_MIDDLE)  # costs a third of numpy's median
    return float(sizes[_MIDDLE].mean())


def _cosines() -> npt.NDArray[np.float64]:
    """The orthonormal cosine transform (II): lowest frequencies × pixels."""
    frequency, pixel = np.arange(LOW)[:, None], np.arange(SIDE)
    waves: npt.NDArray[np.float64] = np.cos(np.pi * frequency * (2 * pixel + 1) / (2 * SIDE))
    waves[0] /= np.sqrt(2)
    waves *= np.sqrt(2 / SIDE)
    return waves


def _pdq(photo: Image.Image, _: Image.Image) -> Any:
    """Signs of 256 frequencies. The package pdqhash shrinks the photo to 64 × 64 pixels itself."""
    most = (min(photo.width, PDQ_SIDE), min(photo.height, PDQ_SIDE))
    bits, _quality = import_module("pdqhash").compute(
        np.asarray(photo.resize(most, Image.Resampling.BILINEAR, reducing_gap=GAP))
    )
    return bits


_COSINES = _cosines()
_MIDDLE = [LOW * LOW // 2 - 1, LOW * LOW // 2]  # the median is the mean of these two
PHASH = Algorithm("phash", 1, 64, 6, lambda _, luminance: imagehash.phash(luminance))
DHASH = Algorithm("dhash", 1, 64, 6, lambda _, luminance: imagehash.dhash(luminance))
WHASH = Algorithm("whash", 1, 64, 2, lambda _, luminance: imagehash.whash(luminance))
PDQ = Algorithm("pdq", 1, 256, 31, _pdq)  # PDQ's makers recommend 31
ALGORITHMS = {algorithm.name: algorithm for algorithm in (PHASH, DHASH, WHASH, PDQ)}
