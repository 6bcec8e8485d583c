"""A store that tells the outages how its calls end, whoever makes them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from worker.errors import Part, ResultRefusedError, StoreError
from worker.messages import PhotoId, S3Object, Written
from worker.photos.looks import Look
from worker.pipeline.outages import Outages
from worker.result import Result
from worker.results.store import ResultStore, Tries


@dataclass(eq=False)
class WatchedStore:
    """Another store. A refusal of one result says nothing about it; its other errors do."""

    store: ResultStore
    outages: Outages

    def find(self, photos: Sequence[PhotoId]) -> list[Result | None]:
        """Find the stored result of each photo."""
        with self._noting(reading=True):
            return self.store.find(photos)

    def find_original(self, photo: PhotoId, sha256: str) -> Result | None:
        """Find the result of another photo with these bytes."""
        with self._noting(reading=True):
            return self.store.find_original(photo, sha256)

    def find_look_alike(self, photo: PhotoId, look: Look) -> Result | None:
        """Find the result of the oldest other photo that is known to look the same."""
        with self._noting(reading=True):
            return self.store.find_look_alike(photo, look)

    def write(
        self, results: Sequence[Result], seen: Sequence[str], begun: Sequence[datetime | None] = ()
    ) -> list[Written]:
        """Write and publish each result, and remember its photo."""
        with self._noting():
            return self.store.write(results, seen, begun)

    def note_order(self, photo: PhotoId, s3_object: S3Object) -> bool:
        """Give a stored result the sequencer of a later event of its content."""
        with self._noting():
            return self.store.note_order(photo, s3_object)

    def begin_trial(self, message_id: str) -> None:
        """Note that a worker tries this message."""
        with self._noting():
            self.store.begin_trial(message_id)

    def note_survived(self, message_ids: Sequence[str]) -> None:
        """Note that a worker has come back from a receive of each message."""
        with self._noting():
            self.store.note_survived(message_ids)

    def tries(self, message_ids: Sequence[str]) -> list[Tries]:
        """Find what is known of each message's earlier tries."""
        with self._noting(reading=True):
            return self.store.tries(message_ids)

    @contextmanager
    def _noting(self, *, reading: bool = False) -> Iterator[None]:
        try:
            yield
        except ResultRefusedError:
            raise
        except StoreError as error:
            self.outages.note_failure(Part.STORE, str(error), reading=reading)
            raise
        self.outages.note_success(Part.STORE, reading=reading)
