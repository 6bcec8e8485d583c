"""What the process that has TensorFlow is asked to do, and what it answers; both travel as JSON."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from worker.inference import engine_trial
from worker.inference.engine_trial import Engine, RunnerName


class _Form(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")


class ModelJob(_Form):
    """One model. What is to be made goes into new folders, which become entries."""

    bundle: Path
    key: str  # of what is made
    translation: Path | None = None  # LiteRT's form of the model, if there is one
    translate_into: Path | None = None
    graph: Path | None = None  # entry of the frozen graph, if there is one
    freeze_into: Path | None = None
    again: bool = False  # whether the translation before this one was of no use


class Race(_Form):
    """How the worker would run the models."""

    cores: int
    replicas: int
    threads: int  # of one call
    sizes: tuple[int, ...]  # that a batch of TensorFlow may have
    largest_batch: int
    photos: int  # of one call in the race
    runners: tuple[RunnerName, ...]  # that take part beside TensorFlow


class Job(_Form):
    """Models to freeze and to translate, and a race of the engines, unless there is none."""

    models: tuple[ModelJob, ...]
    place: Path  # for temporary files; whoever asks removes it
    race: Race | None = None
    beside: bool = False  # beside a worker that serves: its threads come first


class Rates(_Form):
    """Result of a race. Without numbers: none took place, or none of them could run in it."""

    photos_per_s: dict[Engine, float] = {}
    differences: dict[RunnerName, float] = {}  # largest ones from TensorFlow's answers
    refused: dict[RunnerName, str] = {}  # what could not take part, and why
    seconds: float = 0.0

    @property
    def best(self) -> Engine:
        """The engine worth most."""
        return engine_trial.choose(self.photos_per_s, self.differences)

    def without(self, name: RunnerName, reason: str) -> "Rates":
        """The same race, if that engine had not taken part."""
        return Rates(
            photos_per_s={one: rate for one, rate in self.photos_per_s.items() if one != name},
            differences={one: far for one, far in self.differences.items() if one != name},
            refused={**self.refused, name: reason},
            seconds=self.seconds,
        )

    def facts(self) -> dict[str, Any]:
        """The same for a log line."""
        apart = {
            "difference" if name == "litert" else f"{name}_difference": far
            for name, far in self.differences.items()
        }
        return {
            **{f"{name}_photos_per_s": rate for name, rate in self.photos_per_s.items()},
            **{name: float(f"{far:.2g}") for name, far in apart.items()},
            **({"reason": "; ".join(dict.fromkeys(self.refused.values()))} if self.refused else {}),
            "tolerance": engine_trial.TOLERANCE,
            "seconds": self.seconds,
        }


class Answer(_Form):
    """What came of a job."""

    rates: Rates = Rates()
    error: str | None = None  # what is wrong with a bundle
    hindered: str | None = None  # what was in the way this time: a full disk, too little memory
