"""The store of results, as the rest of the worker sees it."""

from collections.abc import Sequence
from typing import Protocol

from worker.messages import PhotoId, Written
from worker.result import Result


class ResultStore(Protocol):
    """Keeps results and finds photos seen before. Its methods raise StoreError."""

    def find(self, photos: Sequence[PhotoId]) -> list[Result | None]:
        """Find the stored result of each photo."""

    def find_original(self, photo: PhotoId, sha256: str) -> Result | None:
        """Find the result of another photo with these bytes."""

    def find_look_alike(self, photo: PhotoId, image_hash: str) -> Result | None:
        """Find the result of the oldest other photo that looks the same."""

    def write(self, results: Sequence[Result], seen: Sequence[str]) -> list[Written]:
        """Write and publish each result, and remember its photo.

        `seen` is the content that `poll` saw stored for each photo. A result that would replace
        other content, which may be newer, is not written: it is `overtaken`. One that cannot be
        stored, while others can, is `refused`.
        """
