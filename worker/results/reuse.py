"""Whether a photo was scored before under another image id, so that its scores can be reused."""

from collections.abc import Callable, Mapping
from typing import Literal, Protocol

from worker.errors import StoreError
from worker.messages import PhotoId, Scored, Upload
from worker.photos.hashes import Algorithm
from worker.pipeline.outages import Outages, Part
from worker.result import Result
from worker.telemetry.counters import Telemetry

Reuse = Literal[
    "exact", "near", "none"
]  # of photos with the same bytes; of those that look the same, too; never


class Remembered(Protocol):
    """Knows the photos seen before; its methods raise StoreError."""

    def original_of(self, photo: PhotoId, sha256: str) -> Result | None:
        """Find the result of the first photo with these bytes."""
        ...

    def alike(self, photo: PhotoId, image_hash: str) -> Result | None:
        """Find the result of the oldest other photo that looks the same."""
        ...


class ScoreReuse:
    """A saving only: what is not found is scored. What is a duplicate of what, the write decides."""

    def __init__(
        self,
        store: Remembered,
        models: Callable[[], Mapping[str, str]],
        algorithm: Algorithm,
        reuse: Reuse,
        *,
        telemetry: Telemetry,
        outages: Outages,
    ) -> None:
        """`models` are those that serve now. Scores come with a hash; one of another algorithm is worth nothing."""
        self._store = store
        self._models = models
        self._algorithm = algorithm
        self._reuse = reuse
        self._telemetry = telemetry
        self._outages = outages

    def of_bytes(self, upload: Upload) -> tuple[Scored, str | None] | None:
        """Find scores and hash of the same bytes."""
        sha256 = upload.object.sha256
        if self._reuse == "none" or sha256 is None:
            return None
        original = self._asked(lambda: self._store.original_of(upload.photo, sha256))
        return (_scored(original), original.image_hash) if original else None

    def of_look(self, upload: Upload, image_hash: str | None) -> Scored | None:
        """Find the scores of a photo that looks the same."""
        if self._reuse != "near" or image_hash is None:
            return None
        original = self._asked(lambda: self._store.alike(upload.photo, image_hash))
        if original is None or _is_borrowed(original):
            return None
        return _scored(original)

    def _asked(self, ask: Callable[[], Result | None]) -> Result | None:
        if self._outages.ongoing(Part.STORE):
            return None
        try:
            found = ask()
        except StoreError as error:
            self._telemetry.warn("look_up_failed", reason=str(error))
            return None
        return found if found and self._is_good(found) else None

    def _is_good(self, stored: Result) -> bool:
        same_hash = stored.image_hash is None or stored.image_hash.startswith(f"{self._algorithm.label}:")
        return stored.status != "failed" and stored.models == self._models() and same_hash


def _is_borrowed(stored: Result) -> bool:
    """Whether its scores are a look-alike's: passed on and on they would end with photos that are not alike at all."""
    copied = stored.duplicate_of is not None and stored.duplicate_of.kind == "exact"
    return stored.reused_from is not None and not copied


def _scored(stored: Result) -> Scored:
    source = stored.reused_from or stored.image_id
    return Scored(stored.score, stored.score_mean, stored.tip, stored.inference, stored.models, source)
