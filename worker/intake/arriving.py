"""A photo's bytes while they arrive: counted and hashed, small pieces joined."""

import hashlib

SMALL = 4096  # bytes; smaller pieces are joined: each object takes some forty bytes beside its own


class Arriving:
    """What has arrived of one photo."""

    def __init__(self, pieces: list[bytes]) -> None:
        """`pieces` is an empty list that gets the bytes."""
        self.size = 0
        self._pieces = pieces
        self._last = bytearray()
        self._sha256 = hashlib.sha256()

    def add(self, piece: bytes) -> None:
        """Take what comes next."""
        self.size += len(piece)
        self._sha256.update(piece)
        if len(piece) >= SMALL:
            self._join()
            self._pieces.append(piece)
        else:
            self._last += piece
            if len(self._last) >= SMALL:
                self._join()

    def end(self) -> str:
        """Complete the list; returns the SHA-256 of its bytes, in hex."""
        self._join()
        return self._sha256.hexdigest()

    def _join(self) -> None:
        if self._last:
            self._pieces.append(bytes(self._last))
            self._last = bytearray()
