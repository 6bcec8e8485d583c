"""The store of results, as the rest of the worker sees it."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from worker.messages import PhotoId, S3Object, Written
from worker.photos.looks import Look
from worker.result import Result


class Tries(NamedTuple):
    """What is known of a message's earlier tries."""

    survived: int = 0  # receives that a worker has come back from, whatever it did with them
    unfinished: bool = False  # a worker that tried it alone did not come back from it


def look_of(result: Result) -> Look:
    """What a result says of how its photo looks."""
    return Look(result.image_hash, result.image_colours)


class ResultStore(Protocol):
    """Keeps results and finds photos seen before. Its methods raise StoreError."""

    def find(self, photos: Sequence[PhotoId]) -> list[Result | None]:
        """Find the stored result of each photo."""

    def find_original(self, photo: PhotoId, sha256: str) -> Result | None:
        """Find the result of another photo with these bytes."""

    def find_look_alike(self, photo: PhotoId, look: Look) -> Result | None:
        """Find the result of the oldest other photo that is known to look the same, colours included."""

    def write(
        self, results: Sequence[Result], seen: Sequence[str], begun: Sequence[datetime | None] = ()
    ) -> list[Written]:
        """Write and publish each result, and remember its photo.

        `seen` is the state that `poll` saw stored for each photo, see known.py. A result that would
        replace other content, which may be newer, is not written: it is `overtaken`. One that cannot
        be stored, while others can, is `refused`. `begun` says when each photo was uploaded or
        announced: one that was `forgotten` since leaves no result.
        """

    def note_order(self, photo: PhotoId, s3_object: S3Object) -> bool:
        """Give a stored result the sequencer of a later event of its content. False if it has other content."""

    def begin_trial(self, message_id: str) -> None:
        """Note that a worker tries this message, which may end its process."""

    def note_survived(self, message_ids: Sequence[str]) -> None:
        """Note that a worker has come back from a receive of each message, which must be tried again."""

    def tries(self, message_ids: Sequence[str]) -> list[Tries]:
        """Find what is known of each message's earlier tries."""
