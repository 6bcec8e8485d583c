"""What the model loader needs from TensorFlow, LiteRT and OpenVINO, which adapters implement."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from worker.inference.bundle import Bundle
from worker.inference.engine_trial import Engine, RunnerName
from worker.inference.serving import Model
from worker.inference.translations.job import Answer, Job

NO_TENSORFLOW = "TensorFlow is not installed: pip install 'photo-score-worker[cpu]'"

Checkpoint = Callable[[], None]  # called often during long work; may raise to abandon it
Precision = Literal["float32", "mixed"]


@dataclass(frozen=True, slots=True)
class FrozenGraph:
    """A bundle's model as one graph, its variables turned into constants."""

    bundle: Bundle
    function: Any  # uint8 tensor [N, height, width, 3] → a tensor for each role of the bundle


Graphs = Sequence[FrozenGraph]  # in the order of the bundles


class LoadedModel(Model, Protocol):
    """A model that was built on one of the engines."""

    @property
    def engine(self) -> Engine:
        """Which of them runs it."""

    @property
    def seconds_by_size(self) -> Mapping[int, float]:
        """Duration of a call by batch size, measured by `warm_up`; empty before that."""

    def warm_up(self, checkpoint: Checkpoint) -> None:
        """Run, check and time the batch sizes in use. Raises ConfigurationError on a misfit."""


LoadedReplica = tuple[LoadedModel, ...]  # in the same order
Replicas = Sequence[LoadedReplica]


class TensorFlow(Protocol):
    """Runs every bundle, on GPUs or on the CPU."""

    @property
    def devices(self) -> Sequence[str]:
        """Names of all devices of this machine."""

    @property
    def gpus(self) -> Sequence[str]:
        """Names of the GPUs."""

    def configure(self, threads: int, callers: int, precision: Precision) -> None:
        """Set up the runtime, before any other use of it in this process.

        `threads` are the CPU threads that a call may use, `callers` the calls that may run at the
        same time. Raises ConfigurationError for mixed precision without a GPU.
        """

    def freeze(self, bundle: Bundle) -> FrozenGraph:
        """Load and check a bundle's model. Raises ConfigurationError when the two do not match."""

    def save(self, graph: FrozenGraph, path: Path) -> Mapping[str, Any]:
        """Write a graph to a file; returns what `load` must know of it."""

    def load(self, bundle: Bundle, path: Path, names: Mapping[str, Any]) -> FrozenGraph:
        """Read what `save` wrote. Raises ConfigurationError if that is not possible."""

    def replicas(
        self, graphs: Graphs, count: int, sizes: Sequence[int], count_padding: Callable[[int], None]
    ) -> Replicas:
        """Build `count` replicas on the devices in turn; those on one device share their models.

        Batches are padded to the next of the rising `sizes`; `count_padding` gets the added rows.
        """


class Runner(Protocol):
    """LiteRT or OpenVINO: runs translations, on the CPU, often faster than TensorFlow, and without it."""

    def replicas(
        self,
        translations: Sequence[tuple[Bundle, Path]],
        count: int,
        largest_batch: int,
        threads: int,
        checkpoint: Checkpoint,
    ) -> Replicas:
        """Build `count` replicas. Raises ConversionError if it cannot run a translation."""


class Engines(Protocol):
    """All three, each imported when it is asked for: TensorFlow takes seconds and half a gigabyte."""

    @property
    def tensorflow_version(self) -> str | None:
        """Version of TensorFlow. None if it is not installed."""

    @property
    def runners(self) -> Mapping[RunnerName, str]:
        """What runs translations here: name → version. LiteRT always; OpenVINO if it is installed."""

    @property
    def may_have_gpus(self) -> bool:
        """Whether the installed TensorFlow can use GPUs at all."""

    def tensorflow(self) -> TensorFlow:
        """Import TensorFlow into this process. Raises ConfigurationError if it is not installed."""

    def runner(self, name: RunnerName) -> Runner:
        """Import it into this process. Raises ConfigurationError if it is not installed."""

    def work(self, job: Job, checkpoint: Checkpoint) -> Answer:
        """Have a process with TensorFlow do a job; `checkpoint` is called meanwhile.

        That process ends when this one does, or when `checkpoint` raises. Raises ConfigurationError
        if it ends without an answer.
        """
