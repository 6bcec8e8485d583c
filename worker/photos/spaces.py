"""Colour spaces that a few numbers describe, and the way from them to sRGB: a curve and a table of colours.

Code points are those of ITU-T H.273 (CICP). HDR is mapped to SDR as browsers do: white is 203 cd/m²
(ITU-R BT.2408), and what is brighter is compressed, up to 1,000 cd/m², by the curve of E. Reinhard et
al., "Photographic tone reproduction for digital images", SIGGRAPH 2002, equation 4.
"""

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

Floats = npt.NDArray[np.float64]
Primaries = tuple[float, float, float, float, float, float, float, float]  # x, y of red, green, blue, white

D65, C, DCI = (0.3127, 0.3290), (0.310, 0.316), (0.314, 0.351)
BT709: Primaries = (0.640, 0.330, 0.300, 0.600, 0.150, 0.060, *D65)
PRIMARIES: dict[int, Primaries] = {  # H.273, table 2; others count as BT.709
    4: (0.670, 0.330, 0.210, 0.710, 0.140, 0.080, *C),
    5: (0.640, 0.330, 0.290, 0.600, 0.150, 0.060, *D65),
    6: (0.630, 0.340, 0.310, 0.595, 0.155, 0.070, *D65),
    7: (0.630, 0.340, 0.310, 0.595, 0.155, 0.070, *D65),
    8: (0.681, 0.319, 0.243, 0.692, 0.145, 0.049, *C),
    9: (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, *D65),
    11: (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, *DCI),
    12: (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, *D65),
    22: (0.630, 0.340, 0.295, 0.605, 0.155, 0.077, *D65),
}
GAMMAS = {
    4: 2.2,
    5: 2.8,
    8: 1.0,
    17: 2.6,
}  # H.273, table 3; other curves are near to sRGB's, and count as that
PQ, HLG = 16, 18
WHITE, PEAK = 203.0, 1000.0  # cd/m²
NODES = 33  # of the table, each way
MOST_FACTOR = 10.0  # between two primaries; Rec. 2020 has 1.7
CACHED = 16  # tables of 430 KB
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


@dataclass(frozen=True, slots=True)
class Space:
    """A colour space. `gamma` 0 stands for sRGB's own curve, unless `hdr` names another one."""

    primaries: Primaries = BT709
    gamma: float = 0.0
    hdr: int = 0


SRGB = Space()


def from_code_points(primaries: int, transfer: int) -> Space:
    """Return the space of H.273's colour primaries and transfer characteristics."""
    return Space(
        PRIMARIES.get(primaries, BT709), GAMMAS.get(transfer, 0.0), transfer if transfer in {PQ, HLG} else 0
    )


def convert(image: Image.Image, space: Space) -> Image.Image:
    """Convert an RGB or grey image to sRGB."""
    image = image if image.mode == "RGB" else image.convert("RGB")
    if space.gamma:
        image = image.point(_curve(space.gamma) * 3)
    return image if space.primaries == BT709 and not space.hdr else image.filter(_table(space))


@functools.lru_cache(CACHED)
def _curve(gamma: float) -> list[int]:
    return [round(value) for value in (255 * to_srgb_curve((np.arange(256) / 255) ** gamma)).tolist()]


@functools.lru_cache(CACHED)
def _table(space: Space) -> ImageFilter.Color3DLUT:
    """Return the way from each of a grid's colours to sRGB."""
    steps = np.linspace(0, 1, NODES)
    blue, green, red = np.meshgrid(steps, steps, steps, indexing="ij")
    coded = np.stack([red, green, blue], axis=-1).reshape(-1, 3)
    light = _tone_mapped(coded, space.hdr) if space.hdr else from_srgb_curve(coded)
    shown = to_srgb_curve((light @ to_bt709(space.primaries).T).clip(0, 1))
    return ImageFilter.Color3DLUT(NODES, shown.astype(np.float32).ravel())


def _tone_mapped(coded: Floats, hdr: int) -> Floats:
    """Return display light relative to the white of SDR, compressed to 0 … 1."""
    light = (_pq_light(coded) if hdr == PQ else _hlg_light(coded)) / WHITE
    most = light.max(axis=-1, keepdims=True)
    return np.asarray(light * (1 + most / (PEAK / WHITE) ** 2) / (1 + most))


def _pq_light(coded: Floats) -> Floats:
    """Light in cd/m² (ITU-R BT.2100, table 4)."""
    root = coded ** (32 / 2523)
    return np.asarray(
        10_000 * (np.maximum(root - 107 / 128, 0) / (2413 / 128 - 2392 / 128 * root)) ** (16_384 / 2610)
    )


def _hlg_light(coded: Floats) -> Floats:
    """Light in cd/m² on a display of 1,000 cd/m² (ITU-R BT.2100, table 5)."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(coded <= 0.5, coded**2 / 3, (np.exp((coded - c) / a) + b) / 12)
    luminance = scene @ np.array([[0.2627], [0.6780], [0.0593]])
    return np.asarray(PEAK * luminance**0.2 * scene)


def from_srgb_curve(coded: Floats) -> Floats:
    """Return light, 0 … 1 (IEC 61966-2-1)."""
    return np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)


def to_srgb_curve(light: Floats) -> Floats:
    """Return sRGB's code of light, 0 … 1 (IEC 61966-2-1)."""
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


def is_possible(primaries: Primaries) -> bool:
    """Whether there can be light of these primaries. Whoever makes a photo chooses them."""
    try:
        return bool(np.abs(to_bt709(primaries)).max() < MOST_FACTOR)
    except (ZeroDivisionError, np.linalg.LinAlgError):
        return False


def to_bt709(primaries: Primaries) -> Floats:
    """Return the matrix from light of these primaries to that of BT.709's, each relative to its own white."""
    adaptation = _adaptation(primaries[6:], D65)
    return np.asarray(np.linalg.inv(_to_xyz(BT709)) @ adaptation @ _to_xyz(primaries))


def _to_xyz(primaries: Primaries) -> Floats:
    columns = np.stack([_xyz(primaries[at : at + 2]) for at in (0, 2, 4)], axis=1)
    return np.asarray(columns * np.linalg.solve(columns, _xyz(primaries[6:])))


def _xyz(point: tuple[float, ...]) -> Floats:
    x, y = point
    return np.array([x / y, 1, (1 - x - y) / y])


def _adaptation(white: tuple[float, ...], to: tuple[float, ...]) -> Floats:
    """Adapt to another white, as ICC profiles do (ISO 15076-1, annex E)."""
    gains = (_BRADFORD @ _xyz(to)) / (_BRADFORD @ _xyz(white))
    return np.asarray(np.linalg.inv(_BRADFORD) @ np.diag(gains) @ _BRADFORD)
