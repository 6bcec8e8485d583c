"""Throughput: the worker beside its limits and its rivals, round by round; at scale; and its memory."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.bench import ratios, scale
from tests.bench.bursts import burst, scores
from tests.bench.contestants import RIVALS, Contestant, engine_of, started, worker_of
from tests.bench.photos import SIZES, Load, jpegs
from tests.bench.processes import Conversation
from tests.bench.rig import CORES, MODEL, Rig
from worker import settings

SHARES = {"small": 1.0, "3 MP": 0.5, "12 MP": 0.2}  # of the photos of a burst: the heavy ones take longer
FEWEST = 8  # photos of a rival's burst
WARM_UP = 40  # small photos before the first round
EARLY, LATE = 1000, 8000  # photos after which the memory is read; the second may be set
FOR_START, FOR_PHOTO = 120.0, 1.0  # seconds that the pipeline in memory may take
IN_MEMORY = "tests.bench.in_memory"

# name → label and unit, in the order of a table; every one is there for each kind of photo
ROWS = {
    "memory_to_limit": ("worker ÷ limit, photos in memory", "ratio"),
    "memory_cpu_in_work": ("CPU of decode + inference ÷ CPU of the worker, in memory", "share"),
    "worker_to_limit_with_services": ("worker ÷ limit, LocalStack, services charged", "ratio"),
    "worker_to_limit": ("worker ÷ limit, LocalStack", "ratio"),
    "worker_to_model_alone": ("worker ÷ model alone", "ratio"),
    **{f"worker_to_{rival.name}": (f"worker ÷ {rival.label}", "ratio") for rival in RIVALS},
    **{f"{rival.name}_same_score": (f"same score: {rival.label}", "share") for rival in RIVALS},
    "photos_per_s": ("worker, S3 to Redis", "photos/s"),
    "memory_per_s": ("worker, photos in memory", "photos/s"),
    "images_per_s": ("model alone, ready arrays, batches of 32", "photos/s"),
    **{f"{rival.name}_per_s": (rival.label, "photos/s") for rival in RIVALS},
    "limit_per_s": ("limit: cores ÷ CPU of decode + inference", "photos/s"),
    "limit_with_services_per_s": ("the same, LocalStack's and Valkey's CPU charged", "photos/s"),
    "decode_cpu_ms": ("CPU of decoding, alone", "ms a photo"),
    "infer_cpu_ms": ("CPU of inference, alone", "ms a photo"),
    "memory_cpu_ms": ("CPU of the worker, photos in memory", "ms a photo"),
    "worker_cpu_ms": ("CPU of the worker", "ms a photo"),
    **{f"{rival.name}_cpu_ms": (f"CPU: {rival.label}", "ms a photo") for rival in RIVALS},
    "services_cpu_ms": ("CPU of LocalStack and Valkey for the worker", "ms a photo"),
    "cores_busy": ("worker, LocalStack and Valkey ÷ all cores", "share"),
    "cores_taken": ("other programs meanwhile ÷ all cores", "share"),
    "memory_cores_taken": ("the same, photos in memory", "share"),
    "worker_peak_memory_mb": ("most memory: worker", "MB"),
    **{f"{rival.name}_peak_memory_mb": (f"most memory: {rival.label}", "MB") for rival in RIVALS},
}


def steps(rounds: int) -> int:
    """How often `measure` tells that it goes on."""
    return 1 + (1 + rounds) * len(SIZES) * (2 + len(RIVALS)) + 2


def measure(
    rig: Rig, rounds: int, photos: int, tell: Callable[[str], None], late: int = LATE
) -> dict[str, Any]:
    """Run all rounds, kinds and contestants interleaved, then the crews, then the memory; `tell` hears what is next.

    `photos` are those of the worker's burst of small ones; `late`, more than EARLY, is how many have gone through when
    the memory is read for the second time. Raises LostError and BenchError.
    """
    wanted = settings.load(os.environ)
    os.environ["WORKER_ENGINE"] = engine = engine_of(rig._log)  # from now on everybody's
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tell("starting the worker's rivals")
        with _side_by_side(rig, folder, tell) as race:
            rows = race.run(rounds, photos)
        tell("several workers on one queue")
        crews = scale.measure(rig, folder, jpegs("small"), photos)
        tell(f"memory after {EARLY} and {late} photos")
        memory = _memory(folder, late)
    return {
        "engine": engine,
        "settings": wanted.model_dump(mode="json"),  # without the Redis URL: a secret
        "throughput": {kind: ratios.medians(of_kind) for kind, of_kind in rows.items()},
        "spread": {kind: ratios.spread(of_kind) for kind, of_kind in rows.items()},
        "every_round": rows,
        "worker_peak_memory_mb": rig.peak_memory_mb(),
        "scale": crews,
        "memory": memory,
    }


@dataclass(frozen=True, slots=True)
class _Race:
    """All contestants, running."""

    rig: Rig
    worker: Contestant
    rivals: dict[str, Contestant]
    inside: Conversation
    tell: Callable[[str], None]

    def run(self, rounds: int, photos: int) -> dict[str, list[dict[str, float]]]:
        """A row of numbers for each round of each kind."""
        samples = {kind: jpegs(kind) for kind in SIZES}
        for kind, distinct in samples.items():
            count = max(FEWEST, round(WARM_UP * SHARES[kind]))
            self._lap(Load(kind, -1, distinct, count), f"warm-up, {kind}")
        rows: dict[str, list[dict[str, float]]] = {kind: [] for kind in SIZES}
        for number in range(rounds):
            for kind, distinct in samples.items():
                load = Load(kind, number, distinct, max(FEWEST, round(photos * SHARES[kind])))
                rows[kind].append(self._lap(load, f"round {number + 1}, {kind}"))
        return rows

    def _lap(self, load: Load, title: str) -> dict[str, float]:
        self.tell(f"{title}, photos in memory")
        request = {"kind": load.kind, "photos": load.count}
        row: dict[str, float] = self.inside.ask(request, within=FOR_START + FOR_PHOTO * load.count)
        self.tell(f"{title}, worker")
        row |= burst(self.rig, self.worker, load)
        row |= {"worker_cpu_ms": row.pop("cpu_ms"), "worker_peak_memory_mb": self.worker.peak_memory_mb()}
        for rival in RIVALS:
            self.tell(f"{title}, {rival.label}")
            part = min(load.count, max(FEWEST, round(load.count * rival.share)))
            beside = self._beside(self.rivals[rival.name], replace(load, count=part))
            row |= {f"{rival.name}_{name}": value for name, value in beside.items()}
        return ratios.with_ratios(row, CORES, [rival.name for rival in RIVALS])

    def _beside(self, rival: Contestant, load: Load) -> dict[str, float]:
        """Run a rival on photos that the worker has had, and compare the scores."""
        seen = burst(self.rig, rival, load)
        both = zip(scores(self.rig, self.worker, load.ids), scores(self.rig, rival, load.ids), strict=True)
        return {
            "per_s": seen["photos_per_s"],
            "cpu_ms": seen["cpu_ms"],
            "services_cpu_ms": seen["services_cpu_ms"],
            "peak_memory_mb": rival.peak_memory_mb(),
            "same_score": sum(ours == its for ours, its in both) / load.count,
        }


@contextmanager
def _side_by_side(rig: Rig, folder: Path, tell: Callable[[str], None]) -> Iterator[_Race]:
    with (
        started(rig, folder) as rivals,
        Conversation(folder / "in-memory.log", IN_MEMORY, str(MODEL)) as inside,
    ):
        yield _Race(rig, worker_of(rig), rivals, inside, tell)


def _memory(folder: Path, late: int) -> dict[str, float]:
    """What a fresh process, with the real model, has resident early and late."""
    with Conversation(folder / "memory.log", IN_MEMORY, str(MODEL)) as inside:
        first, second = (
            inside.ask({"kind": "small", "photos": n, "alone": True}, within=FOR_START + FOR_PHOTO * n)
            for n in (EARLY, late - EARLY)
        )
    before, after = first["memory_mb"], second["memory_mb"]
    return {
        "early_photos": EARLY,
        "late_photos": late,
        "early_mb": before,
        "late_mb": after,
        "growth": ratios.growth(before, after),
    }
