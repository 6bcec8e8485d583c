"""TensorFlow, LiteRT and OpenVINO as the model loader gets them: each is imported when asked for, not before."""

from collections.abc import Mapping
from importlib import metadata
from typing import TYPE_CHECKING

from worker.adapters.tensorflow import installation, translator_process
from worker.errors import ConfigurationError, ConversionError, first_line
from worker.inference.engine_trial import RunnerName
from worker.inference.runtimes import NO_TENSORFLOW, Checkpoint, Runner
from worker.inference.translations.job import Answer, Job

if TYPE_CHECKING:
    from worker.adapters.tensorflow.runtimes import TensorFlow

PACKAGES: Mapping[RunnerName, str] = {"litert": "ai-edge-litert", "openvino": "openvino"}


class Engines:
    """See worker/inference/runtimes.py."""

    @property
    def tensorflow_version(self) -> str | None:
        """Version of TensorFlow. None if it is not installed."""
        return installation.version()

    @property
    def runners(self) -> Mapping[RunnerName, str]:
        """What runs translations here: name → version."""
        found: dict[RunnerName, str] = {}
        for name, package in PACKAGES.items():
            try:
                found[name] = metadata.version(package)
            except metadata.PackageNotFoundError:
                continue
        return found

    @property
    def may_have_gpus(self) -> bool:
        """Whether the installed TensorFlow can use GPUs at all."""
        return installation.may_have_gpus()

    def tensorflow(self) -> "TensorFlow":
        """Import TensorFlow into this process. Raises ConfigurationError if it is not installed."""
        if installation.version() is None:
            raise ConfigurationError(NO_TENSORFLOW)
        from worker.adapters.tensorflow.runtimes import TensorFlow  # noqa: PLC0415 - as the file says

        return TensorFlow()

    def runner(self, name: RunnerName) -> Runner:
        """Import LiteRT or OpenVINO into this process. Raises ConfigurationError if it is not installed."""
        if name == "litert":
            from worker.adapters.litert.runtime import LiteRT  # noqa: PLC0415 - as the file says

            return LiteRT()
        if name not in self.runners:
            raise ConfigurationError(
                "OpenVINO is not installed: pip install 'photo-score-worker[openvino]', or unset WORKER_ENGINE"
            )
        try:
            from worker.adapters.openvino.runtime import OpenVINO  # noqa: PLC0415 - as the file says
        except ImportError as error:
            raise ConversionError(f"OpenVINO cannot be imported: {first_line(error)}") from None
        return OpenVINO()

    def work(self, job: Job, checkpoint: Checkpoint) -> Answer:
        """Have a process with TensorFlow do a job."""
        return translator_process.work(job, checkpoint)
