"""OpenVINO as the model loader uses it; see worker/inference/runtimes.py."""

from collections.abc import Sequence
from pathlib import Path

from worker.adapters.openvino.streamed_model import Compiled, StreamedModel
from worker.inference.bundle import Bundle
from worker.inference.runtimes import Checkpoint


class OpenVINO:
    """Intel's runtime, which reads translations as they are."""

    def replicas(
        self,
        translations: Sequence[tuple[Bundle, Path]],
        count: int,
        largest_batch: int,
        threads: int,
        checkpoint: Checkpoint,
    ) -> Sequence[tuple[StreamedModel, ...]]:
        """Compile each translation once, with a stream for each replica."""
        compiled = []
        for bundle, path in translations:
            checkpoint()
            compiled.append(Compiled(bundle, path, count, threads))
        return [tuple(StreamedModel(each, largest_batch) for each in compiled) for _ in range(count)]
