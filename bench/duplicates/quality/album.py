"""Pictures to search for duplicates: photos, their quarters, and empty pictures.

The photos are those of this repository and those among Pillow's test images, each motif once.
"""

import io
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps

from bench.photos import NAMES, SAMPLES
from bench.processes import ROOT, BenchError
from tests.support import corpus

OWN = [*(SAMPLES / name for name in NAMES), ROOT / "tests" / "data" / "not-food.jpg"]
PILLOWS = (  # the photographs among drawings, charts and fonts; chosen by eye
    "app13-multiple.jpg",  # three dogs
    "avif/rot0mir0.avif",  # a path through fields
    "avif/xmp_tags_orientation.avif",  # roses
    "bc5_unorm.png",  # a gazania
    "exif-72dpi-int.jpg",  # a mountain
    "exif_gps_typeerror.jpg",  # an aeroplane
    "flower.jpg",
    "flower2.jpg",
    "frozenpond.mpo",
    "fujifilm.mpo",  # a rock face
    "hopper.jpg",  # a portrait
    "icc_profile_big.jpg",  # a beach
    "iptc.jpg",  # a house's number
    "issue_2811.gif",  # a ceiling
    "junk_jpeg_header.jpg",  # a meadow
    "sugarshack.mpo",  # a hut in snow
    "xmp_test.jpg",  # shells
)
MOST = 1024  # pixels of a side
EMPTY_EACH = 10  # pictures of each kind of emptiness
SIDE = 1200  # pixels of an empty picture


@dataclass(frozen=True, slots=True)
class Picture:
    """A file and the photo that it shows; a part of a photo shows that photo, too."""

    photo: str
    part: int  # 0: the whole photo; 1 … 4: a quarter
    data: bytes = field(repr=False)

    def differs(self, other: "Picture") -> bool:
        """Whether they show different things: different photos, or different quarters of one."""
        return self.photo != other.photo or bool(self.part and other.part and self.part != other.part)


def photos() -> list[Picture]:
    """Return the whole photos, large ones scaled down. Raises BenchError when one is missing."""
    return [_scale_down(Picture(path.name, 0, path.read_bytes())) for path in [*OWN, *_find_pillows()]]


def quarters(photo: Picture) -> list[Picture]:
    """Cut a photo into four parts without anything in common, because few photos make few pairs."""
    whole = upright(photo)
    width, height = whole.width // 2, whole.height // 2
    corners = [(x, y) for y in (0, height) for x in (0, width)]
    return [
        Picture(photo.photo, number, png(whole.crop((x, y, x + width, y + height))))
        for number, (x, y) in enumerate(corners, start=1)
    ]


def empty() -> list[Picture]:
    """Make pictures without content, like those from pockets, flashes and covered lenses."""
    draw = np.random.default_rng(1)
    made = list[Picture]()
    for number in range(EMPTY_EACH):
        slope = np.linspace(draw.integers(0, 100), draw.integers(150, 255), SIDE)
        for kind, grey in {
            "black": draw.normal(draw.integers(0, 12), 4, (SIDE, SIDE)),
            "dark": draw.normal(draw.integers(15, 40), 12, (SIDE, SIDE)),
            "overexposed": np.where(draw.random((SIDE, SIDE)) < 1e-5, 90.0, 255.0),
            "flat": draw.normal(draw.integers(60, 200), 5, (SIDE, SIDE)),
            "gradient": slope + draw.normal(0, 3, (SIDE, SIDE)),
        }.items():
            stream = io.BytesIO()
            image = Image.fromarray(grey.clip(0, 255).astype(np.uint8)).convert("RGB")
            image.save(stream, "JPEG", quality=90)
            made.append(Picture(f"{kind} {number}", 0, stream.getvalue()))
    return made


def upright(picture: Picture) -> Image.Image:
    """Decode a picture in full, turned as its EXIF tag says; sRGB."""
    with Image.open(io.BytesIO(picture.data)) as image:
        image.info.pop("xmp", None)  # Pillow would turn it as XMP says, which no browser and no worker does
        turned, profile = ImageOps.exif_transpose(image).convert("RGB"), image.info.get("icc_profile")
    if not profile:
        return turned
    shown = ImageCms.profileToProfile(turned, io.BytesIO(profile), ImageCms.createProfile("sRGB"))
    return shown or turned


def png(image: Image.Image) -> bytes:
    """Encode without loss."""
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def _scale_down(picture: Picture) -> Picture:
    image = upright(picture)
    if max(image.size) <= MOST:
        return picture
    image.thumbnail((MOST, MOST))
    return replace(picture, data=png(image))


def _find_pillows() -> Sequence[Path]:
    """Find the chosen images; the corpus names each file by its number and its path."""
    try:
        found = {path.name.partition("-")[2]: path for path in corpus.images()}
    except (OSError, subprocess.SubprocessError) as error:
        raise BenchError(f"the images of Pillow's tests cannot be fetched: {error}") from None
    names = [name.replace("/", "_") for name in PILLOWS]
    if missing := [name for name in names if name not in found]:
        raise BenchError(f"Pillow's tests no longer have {', '.join(missing)}: choose others")
    return [found[name] for name in names]
