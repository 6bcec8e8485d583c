"""Photos of far too many parts are refused unread, and no ordinary one is."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from bench.hostile import photos as hostile
from worker.errors import TooCostlyError, UnreadableImageError
from worker.photos import png
from worker.photos.costs import MOST_CHUNKS, MOST_SCANS, MOST_SEGMENTS, check_cost, webp_size
from worker.photos.opening import open_photo


@pytest.mark.parametrize(
    "data",
    [
        hostile.many_scans(64, MOST_SCANS),
        hostile.many_segments(MOST_SEGMENTS + 1),
        hostile.many_segments(MOST_SEGMENTS + 1, between=b"junk"),
        hostile.many_segments(MOST_SEGMENTS + 1, between=b"\xff\xd0\xff\xd8\xff\xff\xff\x00"),
        hostile.many_segments(100, between=b"\xff" * 1000),
    ],
    ids=["scans", "segments", "with junk", "with markers", "fill bytes"],
)
def test_a_jpeg_of_too_many_parts_is_refused(data: bytes) -> None:
    with pytest.raises(TooCostlyError):
        check_cost(data)


@pytest.mark.parametrize("rest", [b"\xff" * 100_000 + b"\0", bytes(100_000)], ids=["fill bytes", "zeros"])
def test_much_junk_without_a_picture_is_only_a_damaged_jpeg(rest: bytes) -> None:
    with pytest.raises(UnreadableImageError):
        check_cost(hostile.SOI + rest)


@pytest.mark.parametrize(
    "data",
    [
        hostile.many_scans(64, MOST_SCANS - 1),
        hostile.many_segments(MOST_SEGMENTS - 20),
        hostile.many_segments(1, body=b"\xff\xda" * 1000),
        hostile.tiny("JPEG") + hostile.many_scans(64, 500),
    ],
    ids=["scans", "segments", "a segment that looks like scans", "scans behind the picture"],
)
def test_one_with_fewer_is_not(data: bytes) -> None:
    check_cost(data)
    assert Image.open(io.BytesIO(data)).convert("RGB").size == (64, 64)


@pytest.mark.parametrize(("chunks", "refused"), [(MOST_CHUNKS - 10, False), (MOST_CHUNKS + 1, True)])
def test_a_png_may_have_so_many_chunks_beside_the_picture(chunks: int, refused: bool) -> None:
    info = PngImagePlugin.PngInfo()
    for number in range(chunks):
        info.add_text("key", str(number))
    stream = io.BytesIO()
    Image.new("RGB", (64, 64)).save(stream, "PNG", pnginfo=info)
    if refused:
        with pytest.raises(TooCostlyError):
            png.read(stream.getvalue())
    else:
        png.read(stream.getvalue())


@pytest.mark.parametrize(("pieces", "refused"), [(png.MOST_PIECES - 1, False), (png.MOST_PIECES, True)])
def test_a_png_may_have_its_picture_in_so_many_chunks(pieces: int, refused: bool) -> None:
    data = hostile.many_pieces(pieces)
    if refused:
        with pytest.raises(TooCostlyError):
            open_photo(data, 64 * 64)
    else:
        assert open_photo(data, 64 * 64).convert("RGB").size == (64, 64)


@given(st.binary(max_size=300), st.sampled_from([b"\xff\xd8", b""]))
def test_any_other_bytes_are_left_to_the_decoder(data: bytes, head: bytes) -> None:
    check_cost(head + data)


@pytest.mark.parametrize(
    "options", [{}, {"lossless": True}, {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0"}], ids=["VP8", "VP8L", "VP8X"]
)
@pytest.mark.parametrize("size", [(1, 1), (640, 17), (16_383, 2)])
def test_the_size_of_a_webp_is_read_without_opening_it(
    options: dict[str, object], size: tuple[int, int]
) -> None:
    stream = io.BytesIO()
    Image.new("RGB", size).save(stream, "WEBP", **options)
    assert webp_size(stream.getvalue()) == size


def test_other_files_have_no_canvas() -> None:
    assert webp_size(hostile.tiny("JPEG")) == webp_size(b"RIFF") == webp_size(b"") == (0, 0)
