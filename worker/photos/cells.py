"""Refuses a HEIC whose cells have far more pixels than the picture that they make up.

libheif decodes a cell for each of its places, also where it is out of the picture. It compares what is coded
with the sizes that the header gives each cell, so only those are added up.
"""

from collections import defaultdict

from worker.errors import UnreadableImageError
from worker.photos.boxes import File
from worker.photos.items import Items

MOST_AREA, MORE_AREA = 4, 4_000_000  # pixels decoded for a pixel of the picture, and beside that; as for AVIF


def check_cells(data: bytes, size: tuple[int, int], max_pixels: int) -> None:
    """Raise UnreadableImageError for cells that cost too much, TooCostlyError for a file of too many parts.

    `size`: the picture's width and height in pixels, which may be cropped.
    """
    items = Items(File(data).whole.first(b"meta").after(4))
    areas, parts, known = items.areas(), defaultdict[int, list[int]](list), dict[int, int]()
    pictures = [items.primary]  # and its transparency
    for one in items.references(b"dimg", b"auxl"):
        if one.kind == b"dimg":
            parts[one.source].append(one.target)
        elif one.target == items.primary:
            pictures.append(one.source)

    def coded(item: int) -> int:
        if item not in known:
            known[item] = 0  # where it is a part of itself, which libheif refuses
            known[item] = sum(map(coded, parts[item])) if item in parts else areas.get(item, 0)
        return known[item]

    area, shown = sum(map(coded, pictures)), min(areas.get(items.primary, 0), max_pixels)
    if area > MOST_AREA * max(size[0] * size[1], shown) + MORE_AREA:
        raise UnreadableImageError(f"cells of {area} pixels make up {size[0]} × {size[1]}")
