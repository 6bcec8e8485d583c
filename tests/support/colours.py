"""The same photo in other colours, as bright as before: a hash cannot tell them apart."""

import numpy as np
from PIL import Image, ImageDraw


def turn_hue(photo: Image.Image, degrees: float, middle: float = 0.0) -> Image.Image:
    """Turn the hue of an RGB photo, or only of its `middle`, an ellipse of this share of each side."""
    luma, *chroma = np.moveaxis(np.asarray(photo.convert("YCbCr"), np.float64), -1, 0)
    blue, red = (plane - 128 for plane in chroma)
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    planes = [luma, 128 + cosine * blue - sine * red, 128 + sine * blue + cosine * red]
    pixels = np.stack(planes, axis=-1).round().clip(0, 255).astype(np.uint8)
    turned = Image.fromarray(pixels, "YCbCr").convert("RGB")
    if not middle:
        return turned
    mask = Image.new("L", photo.size)
    left, top = photo.width * (1 - middle) / 2, photo.height * (1 - middle) / 2
    ImageDraw.Draw(mask).ellipse((left, top, photo.width - left, photo.height - top), fill=255)
    return Image.composite(turned, photo, mask)
