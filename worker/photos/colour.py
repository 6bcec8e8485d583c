"""Finds the way from a photo's colours to sRGB: by its ICC profile, or by the code points of its colour space.

A profile that is damaged, too large or made for another kind of picture counts as sRGB, as in browsers.
"""

import functools
import hashlib
import io
from collections import OrderedDict
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageCms

from worker.photos import spaces
from worker.photos.spaces import HLG, PQ, SRGB, Space

KEY = "worker_colours"  # of an image's `info`: its Colours
MOST_PROFILE = 4_000_000  # bytes; common ones of printers have up to 3 MB, those of phones 548 bytes
MOST_TAGS = 100  # littlecms reads no more
CACHED = 8  # transforms, of 2 MB at most
NEAR = 1  # steps of 255 by which a profile may differ from sRGB without any conversion
_MODES = {b"RGB ": "RGB", b"GRAY": "L", b"CMYK": "CMYK"}  # a profile's colour space → Pillow's mode

Colours = bytes | Space | None  # an ICC profile, or a space
Conversion = Callable[[Image.Image], Image.Image]

_transforms: OrderedDict[bytes, ImageCms.ImageCmsTransform | None] = OrderedDict()


def conversion(mode: str, colours: Colours) -> Conversion | None:
    """Return what makes sRGB of an image of mode RGB, L or CMYK; None if it needs no more than the mode RGB."""
    if isinstance(colours, bytes):
        space = _hdr_space(colours)
        if space is None:
            return _by_profile(mode, colours)
        colours = space
    if colours is None or colours == SRGB or mode == "CMYK" or not spaces.is_possible(colours.primaries):
        return None
    return functools.partial(spaces.convert, space=colours)


def is_hdr(colours: Colours) -> bool:
    """Whether they are those of HDR."""
    space = _hdr_space(colours) if isinstance(colours, bytes) else colours
    return space is not None and space.hdr > 0


def warm_up() -> None:
    """Load what littlecms loads at first use, and keep sRGB's own profile."""
    conversion("RGB", ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())


def _by_profile(mode: str, profile: bytes) -> Conversion | None:
    made_for = _MODES.get(profile[16:20], "")
    if made_for != mode and (made_for, mode) != ("RGB", "L"):
        return None
    transform = _transform(profile, made_for)
    if transform is None:
        return None
    return lambda image: transform.apply(image if image.mode == made_for else image.convert("RGB"))


def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Return littlecms's way from a profile to sRGB; None if it is of no use, or not needed."""
    key = hashlib.blake2b(profile, digest_size=16).digest()
    if key not in _transforms:
        _transforms[key] = _make_transform(profile, mode)
        if len(_transforms) > CACHED:
            _transforms.popitem(last=False)
    _transforms.move_to_end(key)
    return _transforms[key]


def _make_transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    if len(profile) > MOST_PROFILE:
        return None
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(_without_programs(profile)))
        target = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
        transform = ImageCms.ImageCmsTransform(source, target, mode, "RGB", ImageCms.Intent.PERCEPTUAL)
        return transform if _changes_colours(transform, mode) else None
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None


def _changes_colours(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    if mode == "CMYK":
        return True
    steps = np.linspace(0, 255, 18).astype(np.uint8)
    every = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(1, -1, 3)
    probe = Image.fromarray(every if mode == "RGB" else steps[None])
    before, after = (np.asarray(image, np.int16) for image in (probe.convert("RGB"), transform.apply(probe)))
    return bool(np.abs(after - before).max() > NEAR)


def _without_programs(profile: bytes) -> bytes:
    """Hide tables that are lists of as many steps as their writer likes (ICC.1:2022, 10.16). Browsers have none."""
    changed = bytearray(profile)
    for at in _tags(profile):
        if changed[at : at + 3] == b"D2B":
            changed[at : at + 4] = b"none"
    return bytes(changed)


def _tags(profile: bytes) -> range:
    """Return where the entries of the table of tags begin (7.3)."""
    return range(132, 132 + 12 * min(MOST_TAGS, int.from_bytes(profile[128:132])), 12)


def _hdr_space(profile: bytes) -> Space | None:
    """Return the space of an HDR profile that names its code points (ICC.1:2022, 7.3.1 and 10.6)."""
    for at in _tags(profile):
        if profile[at : at + 4] == b"cicp":
            start = int.from_bytes(profile[at + 4 : at + 8])
            numbers = profile[start + 8 : start + 10]
            if len(numbers) == 2 and numbers[1] in {PQ, HLG}:
                return spaces.from_code_points(*numbers)
    return None
