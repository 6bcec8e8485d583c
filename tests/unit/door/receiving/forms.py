"""Parts of forms, as clients send them; their boundary is `line`."""

FIELD = 'form-data; name="note"'
END = b"--line--\r\n"


def part(data: bytes, disposition: str = 'form-data; name="photo"; filename="a.jpg"') -> bytes:
    return (
        b"--line\r\nContent-Disposition: "
        + disposition.encode()
        + b"\r\nContent-Type: image/jpeg\r\n\r\n"
        + data
        + b"\r\n"
    )
