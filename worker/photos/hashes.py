"""Perceptual hashes of upright photos, by algorithm; none for a photo without content. Pure.

Two photos are the same picture when few bits of their hashes differ. All but PDQ, which has its own way down, start
from a luminance of 32 × 32 pixels.
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
GAP = 4.0  # a cheap reduction leaves this many times the pixels wanted; at 3 more bits of drawings and patterns change
LOW = 8  # the lowest frequencies each way are what a picture looks like from afar
# In steps of luminance. Noise of sensors, specks on white and plain gradients stay below 3; photos begin at 5 (a wall
# of bricks) and lie between 20 and 130 with anything in them; a test has examples of both.
CONTENT = 4.0
PDQ_MOST = 512  # pixels of a side, as PDQ's own reference reduces photos first

Hash = Callable[
    [Image.Image, Image.Image], Any
]  # of the RGB photo and its luminance: an array of bits, or imagehash's


@dataclass(frozen=True, slots=True)
class Algorithm:
    """One way to hash; hashes of another name or version say nothing about one another."""

    name: str
    version: int  # to be raised when any photo's bits change
    bits: int
    radius: int  # so many bits may differ between two versions of one picture
    recipe: Hash
    least: float = CONTENT  # with less content than that a photo has no hash

    @property
    def label(self) -> str:
        """What each of its hashes begins with, before the colon."""
        return f"{self.name}-{self.version}"

    def __call__(self, photo: Image.Image) -> str | None:
        """Hash an upright RGB photo, as `name-version:hex`; None when it has no content, and its hash no meaning.

        It is shrunk in two steps: LANCZOS alone takes as long as the decoding of a small photo.
        """
        luminance = photo.convert("L").resize((SIDE, SIDE), Image.Resampling.LANCZOS, reducing_gap=GAP)
        if content(np.asarray(luminance)) < self.least:
            return None
        found = self.recipe(photo, luminance)
        bits = np.asarray(found.hash if isinstance(found, imagehash.ImageHash) else found, np.bool_)
        return f"{self.label}:{np.packbits(bits).tobytes().hex()}"


def named(name: str) -> Algorithm:
    """Give an algorithm that can be used here. Raises ConfigurationError when its package is missing."""
    if name == PDQ.name:
        try:
            import_module("pdqhash")
        except ImportError as error:
            raise ConfigurationError(f"WORKER_HASH=pdq needs the optional extra `pdq`: {error}") from None
    return ALGORITHMS[name]


def content(luminance: npt.NDArray[np.uint8]) -> float:
    """How far the frequencies that make the hash stand out, in steps of luminance: the median of their sizes.

    A hash says on which side of a middle each frequency lies. Where most of them are no larger than noise and rounding,
    chance says it: in flat, black and overexposed photos, in plain gradients, in what is mirrored both ways.
    `luminance` is uint8 [SIDE, SIDE].
    """
    sizes = np.abs(_COSINES @ luminance.astype(np.float64) @ _COSINES.T).ravel()
    sizes.partition(_MIDDLE)  # a third of what numpy's median costs
    return float(sizes[_MIDDLE].mean())


def _cosines() -> npt.NDArray[np.float64]:
    """The lowest frequencies × pixels of the orthonormal cosine transform (II)."""
    frequency, pixel = np.arange(LOW)[:, None], np.arange(SIDE)
    waves: npt.NDArray[np.float64] = np.cos(np.pi * frequency * (2 * pixel + 1) / (2 * SIDE))
    waves[0] /= np.sqrt(2)
    waves *= np.sqrt(2 / SIDE)
    return waves


def _pdq(photo: Image.Image, _: Image.Image) -> Any:
    """Signs of 256 frequencies, by the package pdqhash, which brings the photo down to 64 × 64 pixels itself."""
    most = (min(photo.width, PDQ_MOST), min(photo.height, PDQ_MOST))
    bits, _quality = import_module("pdqhash").compute(
        np.asarray(photo.resize(most, Image.Resampling.BILINEAR, reducing_gap=GAP))
    )
    return bits


_COSINES = _cosines()
_MIDDLE = [LOW * LOW // 2 - 1, LOW * LOW // 2]  # what the median is the mean of
PHASH = Algorithm("phash", 1, 64, 6, lambda _, luminance: imagehash.phash(luminance))
DHASH = Algorithm("dhash", 1, 64, 6, lambda _, luminance: imagehash.dhash(luminance))
WHASH = Algorithm("whash", 1, 64, 2, lambda _, luminance: imagehash.whash(luminance))
PDQ = Algorithm("pdq", 1, 256, 31, _pdq)  # 31 is what PDQ's makers recommend
ALGORITHMS = {algorithm.name: algorithm for algorithm in (PHASH, DHASH, WHASH, PDQ)}
