"""A model's translation: LiteRT's form of it, or why there is none, and TensorFlow's answers to some photos."""

import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from worker.inference import engine_trial
from worker.inference.bundle import Bundle
from worker.inference.serving import Photos, Predictor
from worker.inference.translations.entries import DamagedError, Entry
from worker.messages import Outputs

MODEL, ANSWERS, GRAPH = "model.tflite", "answers.npz", "frozen.pb"
FORMAT = 1  # of a translation
PHOTOS, MOST_BYTES = 4, 4_000_000  # that TensorFlow answers: so many, or as many as have these bytes


def make_key(bundle_digest: str, tensorflow: str) -> str:
    """Key of what this version of TensorFlow makes of a bundle."""
    return hashlib.sha256(f"{FORMAT} {bundle_digest} {tensorflow}".encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Translation:
    """A bundle with its translation."""

    bundle: Bundle
    entry: Entry

    @property
    def reason(self) -> str | None:
        """Why LiteRT cannot run the model. None if it can."""
        text = self.entry.about.get("reason")
        return None if text is None else f"{self.bundle.path} cannot be converted for LiteRT: {text}"

    @property
    def model(self) -> Path:
        """LiteRT's form of the model."""
        return self.entry.path / MODEL

    @property
    def made_again(self) -> bool:
        """Whether it was made because the one before it was of no use."""
        return bool(self.entry.about.get("again"))

    @property
    def shortcoming(self) -> str | None:
        """Why only TensorFlow may run the model: what `reason` says, or LiteRT answered otherwise. None if it may."""
        far = float(self.entry.about.get("difference", 0.0))
        if self.reason is None and far > engine_trial.TOLERANCE:
            return f"{self.bundle.path}: LiteRT's answers differ from TensorFlow's by {far:.2g}"
        return self.reason

    def check(self, litert: str) -> None:
        """Raise DamagedError unless it is as it was made, and of use with this version of LiteRT."""
        if self.reason is not None:
            if self.entry.about.get("litert") != litert:
                raise DamagedError("it was another version of LiteRT that could not run the model")
        else:
            for name in (MODEL, ANSWERS):
                self.entry.file(name)

    def difference(self, model: Predictor) -> float:
        """Largest difference between TensorFlow's answers and those of a model, here and now.

        Raises ModelError and DamagedError.
        """
        return engine_trial.difference([model], [_Recorded(self._answers())], photos_for(self.bundle))

    def _answers(self) -> Outputs:
        try:
            with np.load(self.entry.path / ANSWERS, allow_pickle=False) as found:
                return {role: found[role] for role in found.files}
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            raise DamagedError(f"{ANSWERS} cannot be read: {error}") from None


@dataclass(frozen=True, slots=True)
class _Recorded:
    outputs: Outputs

    def predict(self, _batch: Photos) -> Outputs:
        return self.outputs


def photos_for(bundle: Bundle) -> Photos:
    """The photos that TensorFlow answers when it translates this bundle."""
    size = bundle.manifest.input
    count = max(1, min(PHOTOS, MOST_BYTES // (size.height * size.width * 3)))
    return engine_trial.random_photos(count, size.height, size.width)
