"""Whether a HEIC or AVIF is there as a whole: what its picture is made of, whatever else is in the file."""

import struct

import pytest

from tests.support import avif, heic
from tests.support.heic import BLUE, RED, cells, file, picture
from worker.errors import UnreadableImageError
from worker.photos.decoding import Target
from worker.photos.opening import open_photo
from worker.photos.thumbnails import decode_cheapest
from worker.photos.whole import MOST_ZEROS, check_whole

TARGET = Target(224, 224, "crop")
MAX_PIXELS = 4_000_000
PHOTO = picture((640, 480))
WHOLE, *CELLS = cells(2, 3, 256, behind=1)
AVIF_THUMBNAIL = avif.Item(avif.av1(320, 240), (320, 240), references={b"thmb": [1]})
AVIF = avif.Item(avif.av1(640, 480), (640, 480))
PHOTOS = {  # the last bytes belong to the picture, and a thumbnail is in front of them
    "one picture": [PHOTO],
    "cells": [WHOLE, picture((384, 256), RED, of=[1]), *CELLS],
    "transparency": [picture((64, 64)), heic.alpha((64, 64), of=1)],
    "AVIF": [
        avif.Item(avif.grid(1, 1, (640, 480)), (640, 480), b"grid", {b"dimg": [3]}),
        AVIF_THUMBNAIL,
        AVIF,
    ],
}


def encode(items: list[avif.Item], *, pieces: int = 1, inside: bool = False) -> bytes:
    brand = b"avif" if items[-1] is AVIF else b"heic"
    return avif.still(items, pieces=pieces, inside=inside, brand=brand)


@pytest.mark.parametrize("items", PHOTOS.values(), ids=PHOTOS)
@pytest.mark.parametrize("inside", [False, True], ids=["in the file", "in idat"])
@pytest.mark.parametrize("pieces", [1, 3])
def test_a_whole_photo_is_read(items: list[avif.Item], inside: bool, pieces: int) -> None:
    assert open_photo(encode(items, pieces=pieces, inside=inside), MAX_PIXELS)


@pytest.mark.parametrize("items", PHOTOS.values(), ids=PHOTOS)
@pytest.mark.parametrize("missing", [1, MOST_ZEROS + 1, 30, 200])
def test_one_that_was_cut_short_is_unreadable_also_if_a_thumbnail_is_whole(
    items: list[avif.Item], missing: int
) -> None:
    data = encode(items)
    assert open_photo(data, MAX_PIXELS)
    with pytest.raises(UnreadableImageError, match="cut short"):
        open_photo(data[:-missing], MAX_PIXELS)


@pytest.mark.parametrize("items", [*PHOTOS.values()][:3], ids=[*PHOTOS][:3])
@pytest.mark.parametrize("unwritten", [MOST_ZEROS + 1, 30, 200])
def test_zeros_in_place_of_the_last_bytes_are_missing_bytes(items: list[avif.Item], unwritten: int) -> None:
    data = file(*items)
    with pytest.raises(UnreadableImageError, match="cut short"):
        open_photo(data[:-unwritten] + bytes(unwritten), MAX_PIXELS)


def test_the_data_of_an_avif_may_end_in_zeros() -> None:
    data = encode(PHOTOS["AVIF"])
    assert open_photo(data[:-30] + bytes(30), MAX_PIXELS)


def test_a_few_zeros_behind_the_picture_are_padding() -> None:
    content, settings = heic.hevc((64, 64))
    padded = avif.Item(content + bytes(MOST_ZEROS), (64, 64), b"hvc1", properties=[settings])
    assert open_photo(file(padded), MAX_PIXELS)


def test_content_behind_the_end_of_idat_is_missing() -> None:
    data = avif.still([PHOTO], inside=True, brand=b"heic")
    length = struct.pack(">II", 0, len(PHOTO.content))
    assert data.count(length) == 1
    longer = struct.pack(">II", 0, len(PHOTO.content) + 1)
    with pytest.raises(UnreadableImageError, match="cut short"):
        open_photo(data.replace(length, longer), MAX_PIXELS)


def test_a_thumbnail_that_was_cut_short_costs_nothing() -> None:
    data = file(PHOTO, picture((320, 240), RED, of=[1]))
    photo = open_photo(data[:-1], MAX_PIXELS)
    pixels, _, decoded = decode_cheapest(photo, data[:-1], TARGET)
    assert decoded == "photo"
    assert abs(pixels.reshape(-1, 3).mean(axis=0) - BLUE).max() < 20


def test_a_file_without_items_is_left_to_the_decoder() -> None:
    check_whole(avif.box(b"ftyp", b"hevc", bytes(4)) + avif.box(b"moov"))
