"""Photos in forms, in pieces of any size."""

import random

import pytest

from tests.unit.door.receiving.forms import END, FIELD, part
from worker.door.problems import Refusal
from worker.door.receiving.multipart import MOST_BESIDE, MOST_PARTS, Form

TYPE = "multipart/form-data; boundary=line"
PHOTO = bytes(range(256)) * 3 + b"\r\n--lin\r\n--line-but-not-quite"


def read(body: bytes, cut: list[int] | None = None) -> bytes:
    """Feed a body in pieces that end at these places; what it has of the photo."""
    form, found, start = Form(TYPE), list[bytes](), 0
    for end in [*(cut or []), len(body)]:
        found += form.feed(body[start:end])
        start = end
    form.finish()
    return b"".join(found)


@pytest.mark.parametrize("seed", range(20))
def test_the_photo_is_the_part_with_a_file_name_however_it_arrives(seed: int) -> None:
    body = part(b"tasty", FIELD) + part(PHOTO) + part(b"", FIELD) + END
    cut = sorted(random.Random(seed).sample(range(len(body)), 30))
    assert read(body, cut) == PHOTO
    assert read(body, [*range(1, len(body))]) == PHOTO


def test_as_many_parts_and_bytes_beside_the_photo_as_may_be() -> None:
    notes = part(b"x" * (MOST_BESIDE - MOST_PARTS + 2), FIELD) + part(b"x", FIELD) * (MOST_PARTS - 2)
    assert read(notes + part(PHOTO) + END) == PHOTO


def test_a_part_that_names_nothing_is_no_photo() -> None:
    assert read(part(PHOTO) + b"--line\r\nX: 1\r\n\r\nbeside\r\n" + END) == PHOTO


def test_header_names_are_read_in_any_case() -> None:
    assert read(part(PHOTO).replace(b"Content-Disposition", b"content-DISPOSITION") + END) == PHOTO


def test_what_follows_the_end_is_not_read() -> None:
    assert read(part(PHOTO) + END + b"epilogue") == PHOTO


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (part(b"x", FIELD) + END, "no part"),
        (part(b"x") + part(b"y") + END, "more than one part"),
        (part(PHOTO), "ends in its middle"),
        (b"", "ends in its middle"),
        (b"something else", "no multipart/form-data"),
        (part(b"x", FIELD) * MOST_PARTS + part(b"x") + END, "parts"),
        (part(b"x" * (MOST_BESIDE + 1), FIELD) + part(b"x") + END, "beside"),
        (part(b"x" * (MOST_BESIDE // 2), FIELD) * 2 + part(b"x", FIELD), "beside"),
        (b"--line\r\n" + b"X: 1\r\n" * 10_000, "no multipart/form-data"),
        (b"--line\r\nX: " + b"x" * 1_000_000, "no multipart/form-data"),
    ],
    ids=[
        "no file",
        "two files",
        "no end",
        "empty",
        "no form",
        "many parts",
        "large field",
        "large fields",
        "headers",
        "header",
    ],
)
def test_other_bodies_are_refused(body: bytes, detail: str) -> None:
    with pytest.raises(Refusal, match=detail) as caught:
        read(body)
    assert caught.value.code == "bad_request"


@pytest.mark.parametrize("content_type", ["multipart/form-data", f"{TYPE}{'x' * 1_000}"])
def test_a_boundary_that_cannot_be_is_refused(content_type: str) -> None:
    with pytest.raises(Refusal) as caught:
        Form(content_type)
    assert caught.value.code == "bad_request"
