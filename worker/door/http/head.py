"""What a request's head may be: no larger than this, and the same to everybody who reads it. Pure."""

from worker.door.problems import Refusal

MOST_HEAD = 32_768  # bytes; a load balancer sends a few hundred. nginx takes as many: 4 buffers of 8 KiB
MOST_FIELDS = 100  # header fields: each costs many times its bytes. Apache and gunicorn take as many
TOO_LARGE = f"the head is too large: {MOST_FIELDS} fields and {MOST_HEAD} bytes at most"
UNCLEAR = "the head can be read in more than one way"

Fields = list[tuple[bytes, bytes]]  # names in lower case


def check_size(size: int = 0, fields: int = 0) -> None:
    """Raise Refusal for too many bytes, or too many header fields."""
    if size > MOST_HEAD or fields > MOST_FIELDS:
        raise Refusal("large_head", TOO_LARGE)


def check_meaning(method: bytes, version: str, fields: Fields) -> None:
    """Raise Refusal for a head that others may read differently: RFC 9112, 3.2 and 6.1.

    llhttp has checked the rest.
    """
    hosts = sum(name == b"host" for name, _ in fields)
    codings = [value.strip().lower() for name, value in fields if name == b"transfer-encoding"]
    if version == "1.0":
        is_clear = hosts <= 1 and not codings
    else:
        is_clear = version == "1.1" and hosts == 1 and codings in ([], [b"chunked"])
    if not is_clear or method == b"CONNECT":
        raise Refusal("bad_request", UNCLEAR)


def body_length(fields: Fields) -> int:
    """Return the bytes of the body, as far as they are declared. llhttp has checked the number."""
    return next((int(value) for name, value in fields if name == b"content-length"), 0)
