"""How far a client has come with what it sends, and how much of that is too much. Pure."""

from enum import Enum

from worker.door.http.head import check_size
from worker.door.problems import Refusal

MOST_DROPPED = (
    32_000_000  # bytes read of a refused body, to use the connection again: a photo of the default limit
)

ENDLESS = "the body of a refused request does not end"


class Owes(Enum):
    """What a client has begun to send, or should have."""

    NOTHING = 0
    HEAD = 1
    BODY = 2


class Incoming:
    """Counts what comes on one connection, as its parser tells of it."""

    def __init__(self) -> None:
        self.owes = Owes.HEAD
        self._unparsed = 0  # bytes since the parser has last told of anything but header fields
        self._left = 0  # bytes of the body to come, as far as its length was declared
        self._dropped = 0  # bytes of the body that came after its answer

    def take(self, size: int) -> None:
        """Take bytes, before they are parsed."""
        self._unparsed += size

    def check(self) -> None:
        """Raise Refusal if a head, or the trailers of a body, do not end."""
        check_size(self._unparsed)

    def begin_body(self, length: int) -> None:
        """The head is complete. `length`: bytes of the body, as far as they were declared."""
        self.owes = Owes.BODY
        self._unparsed = self._dropped = 0
        self._left = length

    def take_body(self, size: int, *, is_answered: bool) -> None:
        """Take bytes of the body. Raises Refusal for too many once the request `is_answered`."""
        self._unparsed = 0
        self._left -= size
        if is_answered:
            self._dropped += size
            if self._dropped > MOST_DROPPED:
                raise Refusal("bad_request", ENDLESS)

    def end(self) -> None:
        """The request is complete."""
        self._unparsed = 0
        self.owes = Owes.NOTHING

    @property
    def will_be_endless(self) -> bool:
        """Whether more of the body is to come than would be read after a refusal."""
        return self._left > MOST_DROPPED
