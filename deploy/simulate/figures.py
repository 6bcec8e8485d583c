"""What a simulated day needs: measured service times and AWS's prices."""

import tomllib
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, model_validator

DEFAULT = Path(__file__).with_name("figures.toml")
# Quantiles that represent the photos of a second, each in the middle of its share.
LEVELS = np.append(np.linspace(0.025, 0.925, 19), (0.965, 0.99))
WEIGHTS = np.append(np.full(19, 0.05), (0.03, 0.02))

Series = npt.NDArray[np.float64]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Task(_Part):
    """One task, as measured."""

    vcpu: float = Field(gt=0)
    memory_gb: float = Field(gt=0)
    photos_per_second: float = Field(gt=0)
    held: float = Field(ge=0, description="messages")
    image: str

    @property
    def seconds_per_photo(self) -> float:
        """Seconds of a task that a photo takes."""
        return 1 / self.photos_per_second


class Start(_Part):
    """What a new task takes before its image starts."""

    place_seconds: float = Field(ge=0)
    pull_mb_per_second: float = Field(gt=0, description="of the unpacked image")


class Image(_Part):
    """One target of the Dockerfile."""

    name: str
    mb: float = Field(gt=0, description="unpacked")
    start_seconds: float = Field(ge=0, description="from its start to its first photo, with all its CPU")


class Door(_Part):
    """The door, by its defaults and those of its template."""

    places_seconds: float = Field(gt=0, description="photos in work at a time, in seconds of a task's work")
    ready_seconds: float = Field(
        ge=0, description="until the load balancer sends photos to a task that is warm"
    )
    least_tasks: int = Field(ge=1)
    retry_after: float = Field(ge=1, description="seconds; clients double it at each further try")
    tries: int = Field(ge=1, description="of a client that tries again")


class Latency(_Part):
    """Milliseconds from PUT to result at a load, without a backlog."""

    load: float = Field(gt=0, le=1)
    p50: float
    p90: float
    p99: float


class Prices(_Part):
    """US dollars."""

    vcpu_hour: float
    gb_hour: float
    sqs_request: float
    s3_put: float
    s3_get: float
    log_gb: float
    metric_month: float
    redis_hour: float
    balancer_hour: float
    balancer_gb: float


class Use(_Part):
    """What one photo, or the whole service, uses."""

    sqs_requests_a_photo: float
    log_bytes_a_photo: float
    photo_mb: float
    alarm_metrics: int
    redis_nodes: int


class Figures(_Part):
    """The whole file."""

    task: Task
    start: Start
    image: tuple[Image, ...] = Field(min_length=1)
    latency: tuple[Latency, ...] = Field(min_length=1)
    door: Door
    prices: Prices
    use: Use

    @classmethod
    def read(cls, path: Path = DEFAULT) -> Self:
        """Read the file. Raises ValueError, OSError."""
        return cls.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))

    @model_validator(mode="after")
    def _check_image(self) -> Self:
        if self.task.image not in {one.name for one in self.image}:
            raise ValueError(f"task.image: there is no image {self.task.image}")
        return self

    def on(self, image: str) -> Self:
        """The same figures with tasks of another image."""
        return self.model_copy(update={"task": self.task.model_copy(update={"image": image})})

    @property
    def warm_seconds(self) -> float:
        """Seconds from the start of a task's image to its first photo, with all its CPU."""
        return self._image.start_seconds

    @property
    def pull_seconds(self) -> float:
        """Seconds that a new task takes to get its image."""
        return self._image.mb / self.start.pull_mb_per_second

    @property
    def start_seconds(self) -> float:
        """Seconds from the request for a task to its first photo."""
        return self.start.place_seconds + self.pull_seconds + self.warm_seconds

    @property
    def _image(self) -> Image:
        return next(one for one in self.image if one.name == self.task.image)

    @property
    def full_seconds(self) -> float:
        """Mean seconds that a photo takes at the highest measured load."""
        return float(self.latencies(np.ones(1))[0] @ WEIGHTS)

    def latencies(self, loads: Series) -> Series:
        """Interpolate measured percentiles: [N, levels] seconds for [N] loads.

        Loads below the lowest measured one count as that one, and above the highest likewise.
        """
        known = np.array([one.load for one in self.latency])
        cuts = np.array([0.0, 0.5, 0.9, 0.99])
        rows = np.array([[one.p50 / 2, one.p50, one.p90, one.p99] for one in self.latency]) / 1000
        at_levels = np.array([np.interp(LEVELS, cuts, row) for row in rows])
        columns = [np.interp(loads, known, at_levels[:, level]) for level in range(len(LEVELS))]
        return np.stack(columns, axis=1)
