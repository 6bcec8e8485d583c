"""Gathers the pieces of a photo while it arrives: counted for the budget of memory."""

from worker.door.problems import Refusal
from worker.door.receiving.admission import Admission, Pieces
from worker.intake.arriving import Arriving


class Gathered:
    """What has arrived of one photo, counted for the budget byte by byte."""

    def __init__(self, admission: Admission, max_bytes: int) -> None:
        self._admission = admission
        self._max_bytes = max_bytes
        self._pieces = Pieces()
        self._arriving = Arriving(self._pieces)

    def add(self, piece: bytes) -> None:
        """Add bytes. Raises Refusal for too many."""
        if self._arriving.size + len(piece) > self._max_bytes:
            raise Refusal("too_many_bytes", f"received more than {self._max_bytes} bytes")
        self._admission.hold(len(piece))
        self._arriving.add(piece)

    def whole(self) -> tuple[Pieces, int, str]:
        """Return the pieces, which count as long as they live, their size and their SHA-256 in hex."""
        sha256, size = self._arriving.end(), self._arriving.size
        self._admission.release_with(self._pieces, size)
        return self._pieces, size, sha256

    def drop(self) -> None:
        """Give up what has arrived."""
        self._pieces.clear()
        self._admission.release(self._arriving.size)
