"""Finds the code points of an AVIF's colour space (`colr` boxes of type `nclx`, ISO/IEC 14496-12, 12.1.5)."""

from collections.abc import Iterable, Iterator

from worker.photos.boxes import Cursor, File, Part

SAMPLE_ENTRY = 78  # bytes of a picture's sample entry before its boxes


def code_points(data: bytes) -> tuple[int, int] | None:
    """Return colour primaries and transfer characteristics of the first picture. Raises as `Part` does."""
    whole = File(data).whole
    if whole.first(b"ftyp").text(0, 4) == b"avis":
        track = whole.first(b"moov").first(b"trak").inner(b"mdia", b"minf", b"stbl", b"stsd").after(8)
        properties: Iterable[tuple[bytes, Part]] = track.first(b"av01").after(SAMPLE_ENTRY).boxes()
    else:
        properties = _properties(whole.first(b"meta").after(4))
    for kind, box in properties:
        if kind == b"colr" and box.text(0, 4) == b"nclx":
            return box.number(4, 2), box.number(6, 2)
    return None


def _properties(meta: Part) -> Iterator[tuple[bytes, Part]]:
    """Yield the properties of the primary item."""
    primary, boxes = meta.unique(b"pitm", b"iprp")
    item = primary.number(4, 4 if primary.number(0, 1) else 2)
    properties = list(boxes.first(b"ipco").boxes())
    for kind, links in boxes.boxes():  # there may be one of each version and flags (ISO/IEC 23008-12, 9.3.1)
        for index in _links(links, item) if kind == b"ipma" else ():
            if 0 < index <= len(properties):
                yield properties[index - 1]


def _links(links: Part, item: int) -> Iterator[int]:
    """Yield the numbers of an item's properties, from 1."""
    cursor = Cursor(links.after(4))
    id_size, index_size = 4 if links.number(0, 1) else 2, 2 if links.number(3, 1) & 1 else 1
    for _ in range(cursor.read(4)):
        is_ours, number = cursor.read(id_size) == item, cursor.read(1)
        links.file.count(1 + number if is_ours else 1)
        if not is_ours:
            cursor.at += number * index_size
            continue
        for _ in range(number):
            yield cursor.read(index_size) & (0x7FFF if index_size == 2 else 0x7F)
