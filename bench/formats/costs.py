"""The CPU time from a photo's bytes to pixels and look, by format; runs in a process of its own.

    python -m bench.formats.costs ROUNDS

Prints JSON: label → the median of the milliseconds, their bounds, and the photo's megabytes. The formats
take turns. Each photo shows the same, and is decoded as in a decoder process, on one thread.
"""

import io
import json
import statistics
import sys
import time

from bench.photos import enlarge
from worker.photos import decoding
from worker.photos.decoding import Target
from worker.photos.opening import open_photo
from worker.photos.thumbnails import decode_cheapest

TARGET = Target(224, 224, "crop")  # as the reference model
ENOUGH = 10**8  # pixels
TURNS = 3  # in each round
NAME = "coffee.png"
QUICK = {"preset": "ultrafast"}  # of the encoder, which takes ten times as long otherwise
THUMBNAIL = "HEIC with a thumbnail"
# label → Pillow's format and options; phones write HEIC in cells of 512 pixels, and thumbnails of 320 × 240
FORMATS: dict[str, tuple[str, dict[str, object]]] = {
    "JPEG": ("JPEG", {"quality": 91}),
    "progressive JPEG": ("JPEG", {"quality": 91, "progressive": True}),
    "PNG": ("PNG", {"compress_level": 3}),
    "WebP": ("WEBP", {"quality": 80, "method": 0}),
    "AVIF": ("AVIF", {"quality": 70, "speed": 10}),
    "HEIC": ("HEIF", {"quality": 60, "tile_size": 512, "enc_params": QUICK}),
    THUMBNAIL: ("HEIF", {"quality": 60, "tile_size": 512, "thumbnails": [320], "enc_params": QUICK}),
}


def main() -> None:
    """Measure in as many rounds as the argument says."""
    photos = encode()
    decoding.use_one_thread()
    decoding.warm_up(TARGET)
    seen: dict[str, list[float]] = {label: [] for label in photos}
    for _ in range(TURNS * int(sys.argv[1])):
        for label, data in photos.items():
            seen[label].append(decode_cpu_ms(data))
    print(json.dumps({label: _summary(seen[label], photos[label]) for label in photos}))


def encode() -> dict[str, bytes]:
    """Encode one photo in every format."""
    image, made = enlarge(NAME, "12 MP"), dict[str, bytes]()
    for label, (image_format, options) in FORMATS.items():
        stream = io.BytesIO()
        image.save(stream, image_format, **options)
        made[label] = stream.getvalue()
    return made


def decode_cpu_ms(data: bytes) -> float:
    """CPU milliseconds to decode and hash a photo."""
    begun = time.process_time()
    decode_cheapest(open_photo(data, ENOUGH), data, TARGET)
    return (time.process_time() - begun) * 1000


def _summary(seen: list[float], data: bytes) -> dict[str, float]:
    return {
        "decode_cpu_ms": statistics.median(seen),
        "least_ms": min(seen),
        "most_ms": max(seen),
        "mb": len(data) / 1e6,
    }


if __name__ == "__main__":
    main()
