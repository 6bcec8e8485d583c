"""Whether cells that a HEIC is made of cost no more than its picture is worth."""

import pytest

from tests.support import avif, heic
from tests.support.heic import RED, cells, file, picture
from worker.errors import UnreadableImageError
from worker.photos.decoding import Target
from worker.photos.opening import open_photo
from worker.photos.thumbnails import decode_cheapest

TARGET = Target(224, 224, "crop")
MAX_PIXELS = 2_000_000
SIDE, SMALL = 3, (320, 240)
LARGE = picture((1_600, 1_200), RED)  # 17 megapixels in nine places
PHOTO = picture((640, 480))


def grid_of(numbers: list[int], references: dict[bytes, list[int]] | None = None) -> avif.Item:
    return avif.Item(avif.grid(SIDE, SIDE, SMALL), SMALL, b"grid", {b"dimg": numbers, **(references or {})})


def transparency() -> avif.Item:
    kind = heic.alpha((64, 64), of=1).properties[1]
    made = grid_of([3] * SIDE**2, {b"auxl": [1]})
    made.properties = [kind]
    return made


@pytest.mark.parametrize(
    "items",
    [
        [grid_of([2] * SIDE**2), LARGE],
        [grid_of([*range(2, 2 + SIDE**2)]), *[LARGE] * SIDE**2],
        [PHOTO, transparency(), *[LARGE] * 2],
    ],
    ids=["one cell everywhere", "many cells", "transparency"],
)
def test_cells_far_larger_than_their_picture_are_refused_before_they_are_decoded(
    items: list[avif.Item],
) -> None:
    with pytest.raises(UnreadableImageError, match="cells of"):
        open_photo(file(*items), MAX_PIXELS)


def test_a_thumbnail_of_large_cells_is_not_decoded() -> None:
    data = file(PHOTO, grid_of([3] * SIDE**2, {b"thmb": [1]}), LARGE)
    assert decode_cheapest(open_photo(data, MAX_PIXELS), data, TARGET)[2] == "photo"


@pytest.mark.parametrize("properties", [[], [heic.crop(64, 64)]], ids=["whole", "cropped"])
def test_cells_that_cover_their_picture_are_read(properties: list[bytes]) -> None:
    photo = cells(7, 7, 512, *properties)
    assert open_photo(file(*photo), 7 * 7 * 512 * 512)
