"""How each server wants a photo: the requests of a load, as bytes."""

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from bench.photos import as_upload
from localstack.services import HOST

BOUNDARY = "photo-bench"
FIELD = "content"  # of the form; LitServe's examples call it so
OPENING = (
    f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{FIELD}"; filename="photo.jpg"\r\n'
    "Content-Type: image/jpeg\r\n\r\n"
).encode()
CLOSING = f"\r\n--{BOUNDARY}--\r\n".encode()


class Wire(NamedTuple):
    """The path that takes photos, and whether they come in a form."""

    path: str
    in_form: bool = False

    def request(self, photo: bytes) -> bytes:
        """Write the request with a photo."""
        body = OPENING + photo + CLOSING if self.in_form else photo
        kind = f"multipart/form-data; boundary={BOUNDARY}" if self.in_form else "image/jpeg"
        head = (
            f"POST {self.path} HTTP/1.1",
            f"Host: {HOST}",
            f"Content-Type: {kind}",
            f"Content-Length: {len(body)}",
            "\r\n",
        )
        return "\r\n".join(head).encode() + body


def requests(wire: Wire, photos: Sequence[bytes], name: str) -> Iterator[bytes]:
    """Write requests without end, the photos in turn. No two bodies are the same; give each load its name."""
    for number in itertools.count():
        yield wire.request(as_upload(photos[number % len(photos)], f"{name}-{number:07d}"))
