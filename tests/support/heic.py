"""Builds HEIC files of any structure around pictures that pillow-heif has coded: photos with thumbnails."""

import functools
import io
import struct
from collections.abc import Sequence

from PIL import Image

from tests.support.avif import Item, box, full, grid, still
from worker.photos import opening
from worker.photos.boxes import File
from worker.photos.items import Items

assert opening.FORMATS  # importing it makes Pillow write HEIC
RED, BLUE = (200, 40, 40), (40, 40, 200)
P3, PQ = (12, 13), (9, 16)  # colour primaries and transfer characteristics

Size = tuple[int, int]


@functools.cache
def hevc(size: Size, colour: tuple[int, ...] = BLUE, mode: str = "RGB") -> tuple[bytes, bytes]:
    """Code a picture of one colour: its data, and the property that decoders need. Even numbers of pixels."""
    return code(Image.new("RGB", size, colour).convert(mode))


def code(image: Image.Image) -> tuple[bytes, bytes]:
    """Code a picture: its data, and the property that decoders need."""
    stream = io.BytesIO()
    image.save(stream, "HEIF", quality=60, save_nclx_profile=False, enc_params={"preset": "ultrafast"})
    items = Items(File(stream.getvalue()).whole.first(b"meta").after(4))
    place = next(place for place in items.places() if place.item == items.primary)
    settings = dict(items.properties(items.primary))[b"hvcC"]
    return bytes(items.content(place)), box(b"hvcC", settings.text(0, len(settings)))


def picture(
    size: Size,
    colour: tuple[int, ...] = BLUE,
    *properties: bytes,
    of: Sequence[int] = (),
    says: Size | None = None,
    mode: str = "RGB",
) -> Item:
    """An item with a picture; `of`: the items that it is a thumbnail of; `says`: another size in the header."""
    content, settings = hevc(size, colour, mode)
    references = {b"thmb": list(of)} if of else {}
    return Item(content, says or size, b"hvc1", references, [settings, *properties])


def with_thumbnail(photo: Image.Image, thumbnail: Image.Image) -> bytes:
    """A HEIC with a thumbnail, which may show something else."""
    references: list[dict[bytes, list[int]]] = [{}, {b"thmb": [1]}]
    coded = zip((photo, thumbnail), references, strict=True)
    items = (Item(code(one)[0], one.size, b"hvc1", to, [code(one)[1]]) for one, to in coded)
    return file(*items)


def file(*items: Item) -> bytes:
    """A HEIC; its picture is the first item."""
    return still(items, brand=b"heic")


def cells(rows: int, columns: int, side: int, *properties: bytes, behind: int = 0) -> list[Item]:
    """A photo of square cells, as phones write them; so many other items will be between it and its cells."""
    size = (columns * side, rows * side)
    numbers = list(range(2 + behind, 2 + behind + rows * columns))
    whole = Item(grid(rows, columns, size), size, b"grid", {b"dimg": numbers}, properties)
    return [whole, *[picture((side, side))] * (rows * columns)]


def of_cells() -> bytes:
    """A photo of cells behind its thumbnail, as phones write it."""
    whole, *others = cells(2, 3, 256, behind=1)
    return file(whole, picture((384, 256), RED, of=[1]), *others)


def rotation(quarters: int) -> bytes:
    """So many quarter turns, anti-clockwise."""
    return box(b"irot", bytes([quarters]))


def mirror(axis: int) -> bytes:
    """0: top and bottom change places; 1: left and right."""
    return box(b"imir", bytes([axis]))


def crop(width: int, height: int) -> bytes:
    """Only these pixels in the middle."""
    return box(b"clap", struct.pack(">IIIIIIII", width, 1, height, 1, 0, 1, 0, 1))


def code_points(primaries: int, transfer: int) -> bytes:
    """The colour space."""
    return box(b"colr", b"nclx", struct.pack(">HHHB", primaries, transfer, 6, 128))


def profile(data: bytes) -> bytes:
    """An ICC profile."""
    return box(b"colr", b"prof", data)


def alpha(size: Size, of: int) -> Item:
    """The transparency of an item."""
    kind = full(b"auxC", b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0")
    content, settings = hevc(size, (128,) * 3, "L")
    return Item(content, size, b"hvc1", {b"auxl": [of]}, [settings, kind])
