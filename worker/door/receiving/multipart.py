"""Finds the photo in a multipart/form-data body (RFC 7578) while it arrives. Keeps nothing of the rest."""

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from worker.door.problems import Refusal

FORM = b"multipart/form-data"
MOST_PARTS = 16  # a page sends the photo and a few fields of its own
MOST_BESIDE = 64 * 1024  # bytes of other fields, which are read and dropped


class Form:
    """One body. The photo is the part with a file name, of which there must be one."""

    def __init__(self, content_type: str) -> None:
        """Raise Refusal for a type without a boundary."""
        self.found = False
        self.is_complete = False
        self._photo = list[bytes]()
        self._parts = self._beside = 0
        self._header = self._value = b""
        self._is_file = self._is_photo = False
        boundary = parse_options_header(content_type)[1].get(b"boundary")
        if not boundary:
            raise Refusal("bad_request", "multipart/form-data names no boundary")
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin_part,
                    "on_header_begin": self._begin_header,
                    "on_header_field": self._add_to_header,
                    "on_header_value": self._add_to_value,
                    "on_header_end": self._end_header,
                    "on_headers_finished": self._begin_data,
                    "on_part_data": self._add_data,
                    "on_end": self._end,
                },
            )
        except FormParserError as error:
            raise Refusal("bad_request", str(error)) from None

    def feed(self, data: bytes) -> list[bytes]:
        """Read a piece of the body; returns what it has of the photo. Raises Refusal."""
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise Refusal("bad_request", f"this is no multipart/form-data: {error}") from None
        photo, self._photo = self._photo, []
        return photo

    def finish(self) -> None:
        """Raise Refusal unless the body was whole and had a photo."""
        if not self.is_complete:
            raise Refusal("bad_request", "the multipart/form-data ends in its middle")
        if not self.found:
            raise Refusal("bad_request", "no part of the multipart/form-data has a file name")

    def _begin_part(self) -> None:
        self._parts += 1
        self._is_file = False
        if self._parts > MOST_PARTS:
            raise Refusal("bad_request", f"more than {MOST_PARTS} parts")

    def _begin_header(self) -> None:
        self._header = self._value = b""

    def _add_to_header(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _add_to_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._is_file = b"filename" in parse_options_header(self._value)[1]

    def _begin_data(self) -> None:
        if self._is_file and self.found:
            raise Refusal("bad_request", "more than one part has a file name")
        self._is_photo = self._is_file
        self.found = self.found or self._is_file

    def _add_data(self, data: bytes, start: int, end: int) -> None:
        if self._is_photo:
            self._photo.append(data[start:end])
        else:
            self._beside += end - start
            if self._beside > MOST_BESIDE:
                raise Refusal("bad_request", f"more than {MOST_BESIDE} bytes beside the photo")

    def _end(self) -> None:
        self.is_complete = True
