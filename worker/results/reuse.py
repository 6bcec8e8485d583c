"""Finds scores to reuse, of the same photo under another image id."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from worker.errors import Part, StoreError
from worker.messages import Scores, Upload
from worker.photos.hashes import Algorithm
from worker.photos.looks import Look
from worker.pipeline.outages import Outages
from worker.result import Picture, Result
from worker.results.store import ResultStore, look_of
from worker.telemetry.counters import Telemetry

# exact: photos with the same bytes; near: also photos that look the same
Reuse = Literal["exact", "near", "none"]


@dataclass(eq=False)
class ScoreReuse:
    """Finds scores. This only saves work: the write decides what is a duplicate of what."""

    store: ResultStore
    models: Callable[[], Mapping[str, str]]  # serving now, name → version
    algorithm: Algorithm  # scores with a hash of another one are not reused
    reuse: Reuse
    telemetry: Telemetry
    outages: Outages
    thumbnails: bool = True  # whether scores of embedded thumbnails may be reused

    def of_same_bytes(self, upload: Upload) -> tuple[Scores, Look, Picture | None] | None:
        """Find the scores and the look of a photo with the same bytes, and what of it was decoded."""
        sha256 = upload.object.sha256
        if self.reuse == "none" or sha256 is None:
            return None
        original = self._find(lambda: self.store.find_original(upload.photo, sha256))
        return (_scores(original), look_of(original), original.decoded) if original else None

    def of_look_alike(self, upload: Upload, look: Look) -> Scores | None:
        """Find the scores of a photo that looks the same."""
        if self.reuse != "near" or look.image_hash is None:
            return None
        original = self._find(lambda: self.store.find_look_alike(upload.photo, look))
        return None if original is None or _is_from_look_alike(original) else _scores(original)

    def _find(self, look_up: Callable[[], Result | None]) -> Result | None:
        if self.outages.ongoing(Part.STORE):
            return None
        try:
            result = look_up()
        except StoreError as error:
            self.telemetry.warn("look_up_failed", reason=str(error))
            return None
        return result if result and self._is_reusable(result) else None

    def _is_reusable(self, result: Result) -> bool:
        same_hash = result.image_hash is None or self.algorithm.made(result.image_hash)
        # Colours that are missing would be missing from copy to copy.
        has_look = same_hash and look_of(result).is_whole
        may_be_taken = self.thumbnails or result.decoded != "thumbnail"
        return result.status != "failed" and result.models == self.models() and has_look and may_be_taken


def _is_from_look_alike(result: Result) -> bool:
    """Whether a result has the scores of a look-alike. Reused again and again, they would drift."""
    is_exact_copy = result.duplicate_of is not None and result.duplicate_of.kind == "exact"
    return result.reused_from is not None and not is_exact_copy


def _scores(result: Result) -> Scores:
    original_id = result.reused_from or result.image_id
    return Scores(result.score, result.score_mean, result.tip, result.inference, result.models, original_id)
