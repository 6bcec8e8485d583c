"""LiteRT as the model loader uses it; see worker/inference/runtimes.py."""

from collections.abc import Sequence
from pathlib import Path

from worker.adapters.litert.interpreted_model import InterpretedModel
from worker.inference.bundle import Bundle
from worker.inference.runtimes import Checkpoint


class LiteRT:
    """TensorFlow's own runtime for CPUs, as a package that needs no TensorFlow."""

    def replicas(
        self,
        translations: Sequence[tuple[Bundle, Path]],
        count: int,
        largest_batch: int,
        threads: int,
        checkpoint: Checkpoint,
    ) -> Sequence[tuple[InterpretedModel, ...]]:
        """Build an interpreter of each translation for each replica."""
        replicas = []
        for _ in range(count):
            checkpoint()
            replicas.append(
                tuple(InterpretedModel(bundle, path, largest_batch, threads) for bundle, path in translations)
            )
        return replicas
