"""TensorFlow and LiteRT as the model loader gets them: each is imported when it is asked for, not before."""

from typing import TYPE_CHECKING

from worker.adapters.tensorflow import installation, translator_process
from worker.errors import ConfigurationError
from worker.inference.runtimes import Checkpoint
from worker.inference.translations.job import Answer, Job

if TYPE_CHECKING:
    from worker.adapters.litert.runtime import LiteRT
    from worker.adapters.tensorflow.runtimes import TensorFlow


class Engines:
    """See worker/inference/runtimes.py."""

    @property
    def tensorflow_version(self) -> str | None:
        """Version of TensorFlow. None if it is not installed."""
        return installation.version()

    @property
    def litert_version(self) -> str:
        """Version of LiteRT."""
        from worker.adapters.litert import runtime  # noqa: PLC0415 - as the class says

        return runtime.version()

    @property
    def may_have_gpus(self) -> bool:
        """Whether the installed TensorFlow can use GPUs at all."""
        return installation.may_have_gpus()

    def tensorflow(self) -> "TensorFlow":
        """Import TensorFlow into this process. Raises ConfigurationError if it is not installed."""
        if installation.version() is None:
            raise ConfigurationError("TensorFlow is not installed: pip install 'photo-score-worker[cpu]'")
        from worker.adapters.tensorflow.runtimes import TensorFlow  # noqa: PLC0415 - as the class says

        return TensorFlow()

    def litert(self) -> "LiteRT":
        """Import LiteRT into this process."""
        from worker.adapters.litert.runtime import LiteRT  # noqa: PLC0415 - as the class says

        return LiteRT()

    def work(self, job: Job, checkpoint: Checkpoint) -> Answer:
        """Have a process with TensorFlow do a job."""
        return translator_process.work(job, checkpoint)
