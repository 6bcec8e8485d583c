"""Gathers the pieces of a photo while it arrives: counted for the budget of memory, joined and hashed."""

import hashlib

from worker.door.problems import Refusal
from worker.door.receiving.admission import Admission, Pieces

SMALL = 65_536  # bytes; smaller pieces are joined: tiny ones take many times their bytes


class Gathered:
    """What has arrived of one photo, counted for the budget byte by byte."""

    def __init__(self, admission: Admission, max_bytes: int) -> None:
        self._admission = admission
        self._max_bytes = max_bytes
        self._pieces = Pieces()
        self._last = bytearray()
        self._size = 0
        self._sha256 = hashlib.sha256()

    def add(self, piece: bytes) -> None:
        """Add bytes. Raises Refusal for too many."""
        if self._size + len(piece) > self._max_bytes:
            raise Refusal("too_many_bytes", f"received more than {self._max_bytes} bytes")
        self._admission.hold(len(piece))
        self._size += len(piece)
        self._sha256.update(piece)
        if len(piece) >= SMALL:
            self._join()
            self._pieces.append(piece)
        else:
            self._last += piece
            if len(self._last) >= SMALL:
                self._join()

    def whole(self) -> tuple[Pieces, int, str]:
        """Return the pieces, which count as long as they live, their size and their SHA-256 in hex."""
        self._join()
        self._admission.release_with(self._pieces, self._size)
        return self._pieces, self._size, self._sha256.hexdigest()

    def drop(self) -> None:
        """Give up what has arrived."""
        self._pieces.clear()
        self._admission.release(self._size)

    def _join(self) -> None:
        if self._last:
            self._pieces.append(bytes(self._last))
            self._last = bytearray()
