"""The store of a worker without Redis: it knows nothing, and lets every result be an answer."""

# ruff: noqa: ARG002 - what keeps nothing needs no arguments

from collections.abc import Sequence
from datetime import datetime

from worker.messages import Answer, PhotoId, S3Object, Written
from worker.photos.looks import Look
from worker.result import Result
from worker.results.store import Tries


class NullStore:
    """A store of results that keeps none."""

    def find(self, photos: Sequence[PhotoId]) -> list[Result | None]:
        """Find nothing."""
        return [None] * len(photos)

    def find_original(self, photo: PhotoId, sha256: str) -> Result | None:
        """Find nothing."""

    def find_look_alike(self, photo: PhotoId, look: Look) -> Result | None:
        """Find nothing."""

    def write(
        self, results: Sequence[Result], seen: Sequence[str], begun: Sequence[datetime | None] = ()
    ) -> list[Written]:
        """Accept every result."""
        return [Written(Answer.WRITTEN)] * len(results)

    def note_order(self, photo: PhotoId, s3_object: S3Object) -> bool:
        """Nothing is stored, of this content or other."""
        return False

    def begin_trial(self, message_id: str) -> None:
        """Note nothing."""

    def note_survived(self, message_ids: Sequence[str]) -> None:
        """Note nothing."""

    def tries(self, message_ids: Sequence[str]) -> list[Tries]:
        """Know of none."""
        return [Tries()] * len(message_ids)
