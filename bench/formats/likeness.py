"""How far the score and the look of a thumbnail are from those of its photo; runs in a process of its own.

    python -m bench.formats.likeness

Prints JSON: kind of photo → what was found. The photos are those that duplicates are measured with, and
variants of them, as HEIC. Each has a thumbnail whose shorter side has 240 pixels, as phones write it, and made
in the way that comes nearest to those of phones: each pixel is a mean. libheif itself, and what is built on
it, makes thumbnails by leaving pixels out; a row of its own has these.
"""

import io
import json
import os
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from PIL import Image

from bench.duplicates.quality.album import Picture, photos, upright
from bench.duplicates.quality.counts import distance
from bench.duplicates.quality.variants import variants
from bench.formats.costs import ENOUGH, QUICK, TARGET
from bench.photos import NAMES, enlarge
from bench.processes import BenchError
from bench.rivals.photo_task import Frozen
from tests.support import heic
from worker.messages import Pixels
from worker.photos.hashes import PHASH
from worker.photos.looks import are_alike
from worker.photos.opening import open_photo
from worker.photos.thumbnails import decode_cheapest
from worker.settings.cores import cores

Encode = Callable[[Image.Image], bytes]
Means = Callable[[Pixels], list[float]]  # photos, [N, height, width, 3] → their scores before rounding

NO_QUEUE = {"WORKER_DOOR_PORT": "8080"}  # settings are complete without one; nothing listens
SIDE = 240  # pixels of a thumbnail's shorter side
LEAST = 2 * SIDE  # of a photo's; smaller ones are enlarged
ROUGH = "as they are, pixels left out"
CHANGES = (  # of those that duplicates are measured with
    *("JPEG 30", "size 200 %", "crop 5 %, each side", "brightness -20 %", "brightness +20 %"),
    *("white balance -10 %", "white balance +10 %", "orientation 6"),
)


class Pair(NamedTuple):
    """What differs between a thumbnail and its photo."""

    mean: float  # |Δ score_mean|
    is_other_score: bool
    bits: int
    is_near: bool  # whether one is found as a duplicate of the other


def main() -> None:
    """Compare all of them."""
    os.environ.update(NO_QUEUE)
    means = Frozen(threads=cores()).means
    pairs = {kind: [compare(data, means) for data in made] for kind, made in photos_by_kind()}
    pairs["all"] = [pair for of_kind in pairs.values() for pair in of_kind]
    pairs[ROUGH] = [compare(encode_roughly(upright(picture)), means) for picture in photos()]
    print(json.dumps({kind: _summary(of_kind) for kind, of_kind in pairs.items()}))


def photos_by_kind() -> Iterator[tuple[str, Iterator[bytes]]]:
    """Yield HEICs with thumbnails, by what was done to the photos."""
    wholes = [upright(picture) for picture in photos()]
    yield "12 MP", (encode(enlarge(name, "12 MP")) for name in NAMES)
    yield "as they are", (encode(image) for image in wholes)
    for change in CHANGES:
        make = variants()[change]
        yield change, (encode(upright(Picture("", 0, make(image)))) for image in wholes)


def encode(image: Image.Image) -> bytes:
    """Encode a photo with a thumbnail."""
    image = _large(image)
    width, height = (2 * round(SIDE * side / min(image.size) / 2) for side in image.size)
    return heic.with_thumbnail(image, image.resize((width, height), Image.Resampling.BILINEAR))


def encode_roughly(image: Image.Image) -> bytes:
    """Encode a photo with the thumbnail that libheif makes of it."""
    image, stream = _large(image), io.BytesIO()
    longer = round(SIDE * max(image.size) / min(image.size))
    image.save(stream, "HEIF", thumbnails=[longer], enc_params=QUICK)
    return stream.getvalue()


def compare(data: bytes, means: Means) -> Pair:
    """Score and hash a HEIC both ways. Raises BenchError if its thumbnail was refused."""
    small, small_look, decoded = decode_cheapest(open_photo(data, ENOUGH), data, TARGET)
    if decoded != "thumbnail":
        raise BenchError("a thumbnail was refused that was to be compared")
    whole, whole_look, _ = decode_cheapest(open_photo(data, ENOUGH), data, TARGET, thumbnails=False)
    (one,), (other,) = (means(pixels[None]) for pixels in (small, whole))
    bits = distance(small_look.image_hash, whole_look.image_hash, PHASH.bits)
    if small_look == whole_look:  # also if neither has a hash
        bits = 0
    near = bits <= PHASH.radius and are_alike(small_look.image_colours, whole_look.image_colours)
    return Pair(abs(one - other), round(one) != round(other), bits, near or small_look == whole_look)


def _large(image: Image.Image) -> Image.Image:
    """Enlarge a small photo; even numbers of pixels, so that coded pictures have no padding."""
    factor = max(1.0, LEAST / min(image.size))
    width, height = (2 * round(side * factor / 2) for side in image.size)
    return image.resize((width, height), Image.Resampling.BICUBIC)


def _summary(pairs: Sequence[Pair]) -> Mapping[str, Any]:
    return {
        "photos": len(pairs),
        "mean_difference": statistics.mean(pair.mean for pair in pairs),
        "most_difference": max(pair.mean for pair in pairs),
        "other_scores": sum(pair.is_other_score for pair in pairs),
        "bits_mean": statistics.mean(pair.bits for pair in pairs),
        "bits_most": max(pair.bits for pair in pairs),
        "within_radius": sum(pair.bits <= PHASH.radius for pair in pairs) / len(pairs),
        "near": sum(pair.is_near for pair in pairs) / len(pairs),
    }


if __name__ == "__main__":
    main()
