"""Finds the code points of an AVIF's colour space (`colr` boxes of type `nclx`, ISO/IEC 14496-12, 12.1.5)."""

from collections.abc import Iterable

from worker.photos.boxes import File, Part
from worker.photos.items import Items

SAMPLE_ENTRY = 78  # bytes of a picture's sample entry before its boxes


def code_points(data: bytes) -> tuple[int, int] | None:
    """Return colour primaries and transfer characteristics of the first picture. Raises as `Part` does."""
    whole = File(data).whole
    if whole.first(b"ftyp").text(0, 4) == b"avis":
        track = whole.first(b"moov").first(b"trak").inner(b"mdia", b"minf", b"stbl", b"stsd").after(8)
        properties: Iterable[tuple[bytes, Part]] = track.first(b"av01").after(SAMPLE_ENTRY).boxes()
    else:
        items = Items(whole.first(b"meta").after(4))
        properties = items.properties(items.primary)
    for kind, box in properties:
        if kind == b"colr" and box.text(0, 4) == b"nclx":
            return box.number(4, 2), box.number(6, 2)
    return None
