"""The body of one photo while it arrives: bounded in bytes and time, and hashed."""

from collections.abc import Callable, Mapping

from worker.errors import StorageError, TooManyBytesError
from worker.intake.arriving import Arriving
from worker.messages import Fetched

DOWNLOAD_TIMEOUT = 30.0  # seconds for a whole photo; no read and no call begins after them


class Body:
    """Takes the pieces of one photo, by one deadline for all attempts: a body that trickles ends too."""

    def __init__(self, max_bytes: int, clock: Callable[[], float], alive: Callable[[], None]) -> None:
        """`alive` is called whenever bytes arrive and before each attempt."""
        self._max_bytes = max_bytes
        self._clock = clock
        self._alive = alive
        self._deadline = clock() + DOWNLOAD_TIMEOUT

    def check_time(self) -> None:
        """Raise StorageError once the time is over. Otherwise show that the thread does not hang."""
        if self._clock() > self._deadline:
            raise StorageError(f"the photo was not received in {DOWNLOAD_TIMEOUT:.0f} s")
        self._alive()

    def begin(self, fields: Mapping[str, str]) -> None:
        """Begin a body, anew in each attempt, by the answer's header fields in lower case.

        Raises TooManyBytesError, and ValueError for fields that cannot be read.
        """
        self.check_time()
        self._pieces, self._expected = list[bytes](), int(fields.get("content-length", 0))  # 0: unknown
        self._arriving = Arriving(self._pieces)
        self._etag, self._version_id = unquote(fields.get("etag")), fields.get("x-amz-version-id")
        if self._expected > self._max_bytes:
            raise self._too_many(f"{self._expected} bytes are more than the {self._max_bytes} allowed")

    @property
    def room(self) -> int:
        """The bytes to read at most: one more than allowed shows that there are too many."""
        return self._max_bytes + 1 - self._arriving.size

    def add(self, piece: bytes) -> None:
        """Take what has arrived; it is hashed while the next bytes arrive. Raises TooManyBytesError, StorageError."""
        self._arriving.add(piece)
        if self._arriving.size > self._max_bytes:
            raise self._too_many(f"received more than the {self._max_bytes} bytes allowed")
        self.check_time()

    def end(self) -> Fetched:
        """Return the photo. Raises StorageError if less came than was announced."""
        if self._arriving.size < self._expected:
            raise StorageError(f"received {self._arriving.size} of {self._expected} bytes")
        sha256 = self._arriving.end()
        return Fetched(self._pieces, self._etag, self._version_id, sha256)

    def _too_many(self, text: str) -> TooManyBytesError:
        return TooManyBytesError(text).of(self._etag, self._version_id)


def unquote(etag: str | None) -> str | None:
    """Return an ETag without its quotation marks."""
    return (etag or "").strip('"') or None
