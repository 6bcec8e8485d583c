"""Decoding stays within the memory bound of SECURITY.md, measured for each format in a child process."""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from tests.fuzz.child import decode
from tests.support import heic, icc
from worker.photos import opening

assert opening.FORMATS  # importing it registers HEIF with Pillow
WIDTH, HEIGHT = 3_200, 2_400
LARGE = 5_000
DISPLAY_P3 = icc.rgb(icc.DISPLAY_P3, icc.SRGB_CURVE)
INKS = icc.cmyk(np.linspace(0, 100, 16).reshape(2, 2, 2, 2, 1) * np.array([1, 0.1, 0.1]))
FAST = {"preset": "ultrafast"}  # for HEIF's encoder, which takes ten times as long otherwise
NOISE = np.random.default_rng(1).integers(0, 256, (HEIGHT // 8, WIDTH // 8, 3), np.uint8)


def encode(image_format: str, mode: str = "RGB", **options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(NOISE).resize((WIDTH, HEIGHT)).convert(mode).save(stream, image_format, **options)
    return stream.getvalue()


def without_end(size: tuple[int, int]) -> bytes:
    """A progressive JPEG that lacks its end marker, of a shape that leaves nothing to reduce."""
    stream = io.BytesIO()
    Image.fromarray(NOISE).resize(size).save(
        stream, "JPEG", progressive=True, subsampling="4:4:4", quality=98
    )
    return stream.getvalue()[:-2]


def large_webp(mode: str, **options: object) -> bytes:
    """A WebP of 25 megapixels: Pillow takes memory for its pixels several times, the first when it opens it."""
    stream, noise = io.BytesIO(), NOISE[:125, :125]
    image = Image.fromarray(noise).resize((LARGE, LARGE)).convert(mode)
    if mode == "RGBA":
        image.putalpha(Image.fromarray(noise[..., 0]).resize((LARGE, LARGE)))
    image.save(stream, "WEBP", method=0, **options)
    return stream.getvalue()


def deep_png() -> bytes:
    """16 bits a channel."""
    grey = Image.fromarray(
        (np.arange(WIDTH * HEIGHT, dtype=np.uint32) % 65536).astype(np.uint16).reshape(HEIGHT, WIDTH)
    )
    stream = io.BytesIO()
    grey.save(stream, "PNG", compress_level=1)
    return stream.getvalue()


def deep_colours() -> bytes:
    """16 bits a channel, and a transparent colour: it is decoded twice."""
    rows = np.zeros((HEIGHT, 1 + 6 * WIDTH), np.uint8)
    rows[:, 1:] = NOISE.tobytes()[0]
    parts = {
        b"IHDR": struct.pack(">IIBBBBB", WIDTH, HEIGHT, 16, 2, 0, 0, 0),
        b"tRNS": bytes(6),
        b"IDAT": zlib.compress(rows.tobytes(), 1),
        b"IEND": b"",
    }
    chunks = (
        struct.pack(">I", len(b)) + k + b + struct.pack(">I", zlib.crc32(k + b)) for k, b in parts.items()
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def with_thumbnail(
    size: tuple[int, int], says: tuple[int, int] | None = None, photo: tuple[int, int] = (WIDTH, HEIGHT)
) -> bytes:
    return heic.file(heic.picture(photo), heic.picture(size, of=[1], says=says))


def many_frames(image_format: str, **options: object) -> bytes:
    frames = [Image.new("RGB", (1_000, 750), (n, 0, 0)) for n in range(16)]
    stream = io.BytesIO()
    frames[0].save(stream, image_format, save_all=True, append_images=frames[1:], **options)
    return stream.getvalue()


def chunk_bomb(name: bytes, head: bytes) -> bytes:
    """A small PNG with a compressed chunk of 200 MB."""
    info = PngImagePlugin.PngInfo()
    info.add(name, head + zlib.compress(bytes(200_000_000), 9))
    stream = io.BytesIO()
    Image.new("RGB", (64, 64)).save(stream, "PNG", pnginfo=info)
    return stream.getvalue()


PHOTOS: dict[str, tuple[int, Callable[[], bytes]]] = {
    "JPEG": (WIDTH * HEIGHT, lambda: encode("JPEG")),
    "progressive JPEG": (WIDTH * HEIGHT, lambda: encode("JPEG", progressive=True)),
    "JPEG without its end": (300 * WIDTH * 8, lambda: without_end((WIDTH * 8, 300))),
    "JPEG with a profile": (WIDTH * HEIGHT, lambda: encode("JPEG", icc_profile=DISPLAY_P3)),
    "CMYK JPEG with a profile": (WIDTH * HEIGHT, lambda: encode("JPEG", "CMYK", icc_profile=INKS)),
    "CMYK JPEG": (WIDTH * HEIGHT, lambda: encode("JPEG", "CMYK")),
    "PNG": (WIDTH * HEIGHT, lambda: encode("PNG", compress_level=1)),
    "transparent PNG": (WIDTH * HEIGHT, lambda: encode("PNG", "RGBA", compress_level=1)),
    "16-bit PNG": (WIDTH * HEIGHT, deep_png),
    "16-bit PNG with a transparent colour": (WIDTH * HEIGHT, deep_colours),
    "GIF": (WIDTH * HEIGHT, lambda: encode("GIF", "P")),
    "WebP": (WIDTH * HEIGHT, lambda: encode("WEBP", quality=50, method=0)),
    "large WebP": (LARGE**2, lambda: large_webp("RGB", quality=30)),
    "large transparent WebP": (LARGE**2, lambda: large_webp("RGBA", quality=30)),
    "large lossless WebP": (LARGE**2, lambda: large_webp("RGB", lossless=True, quality=0)),
    "AVIF": (WIDTH * HEIGHT, lambda: encode("AVIF", speed=10)),
    "HEIF": (WIDTH * HEIGHT, lambda: encode("HEIF", quality=30, enc_params=FAST)),
    "animated GIF": (1_000 * 750, lambda: many_frames("GIF")),
    "animated WebP": (1_000 * 750, lambda: many_frames("WEBP")),
    "animated PNG": (1_000 * 750, lambda: many_frames("PNG")),
    "AVIF of many frames": (1_000 * 750, lambda: many_frames("AVIF")),
    "HEIF with a thumbnail": (WIDTH * HEIGHT, lambda: encode("HEIF", thumbnails=[320], enc_params=FAST)),
    "HEIF with a huge thumbnail": (WIDTH * HEIGHT, lambda: with_thumbnail((WIDTH - 8, HEIGHT - 8))),
    "HEIF with a false thumbnail": (
        640 * 480,
        lambda: with_thumbnail((4_000, 3_000), (320, 240), (640, 480)),
    ),
    "HEIF of many images": (1_000 * 750, lambda: many_frames("HEIF", enc_params=FAST)),
    "text bomb": (64 * 64, lambda: chunk_bomb(b"zTXt", b"Comment\0\0")),
    "profile bomb": (64 * 64, lambda: chunk_bomb(b"iCCP", b"profile\0\0")),
}


@pytest.mark.parametrize("name", PHOTOS)
def test_decoding_stays_within_the_bound(tmp_path: Path, name: str) -> None:
    pixels, make = PHOTOS[name]
    path = tmp_path / "photo"
    path.write_bytes(make())
    (decoded,) = decode([path])
    assert (decoded.pixels, decoded.memory) <= (pixels, decoded.bound), decoded
    assert decoded.outcome in {"pixels", "unreadable_image", "too_costly"}, decoded
    if "bomb" not in name:
        assert decoded.outcome == "pixels"
