"""The race: the worker, its rivals and the pipeline in memory, all running, lap after lap with the same photos."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bench import ratios
from bench.photos import SIZES, Load, jpegs
from bench.processes import Conversation
from bench.rig import CORES, MODEL, Rig
from bench.rivals.contestants import Contestant, worker_of
from bench.rivals.rivals import RIVALS, started
from bench.throughput.bursts import burst, scores

SHARES = {"small": 1.0, "3 MP": 0.75, "12 MP": 0.3}  # of the photos of a burst: the heavy ones take longer
IN_MEMORY_SHARE = 1.5  # of the worker's photos: so that begin and end of a burst weigh little there as well
FEWEST = 8  # photos of a rival's burst
WARM_UP = 40  # small photos before the first round
FOR_START, FOR_PHOTO = 120.0, 1.0  # seconds that the pipeline in memory may take
IN_MEMORY = "bench.throughput.in_memory"


@dataclass(frozen=True, slots=True)
class Race:
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
        request = {"kind": load.kind, "photos": round(load.count * IN_MEMORY_SHARE)}
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
            "cores_taken": seen["cores_taken"],
            "peak_memory_mb": rival.peak_memory_mb(),
            "same_score": sum(ours == its for ours, its in both) / load.count,
        }


@contextmanager
def side_by_side(rig: Rig, folder: Path, tell: Callable[[str], None]) -> Iterator[Race]:
    """Start all, stop all but the worker, which is the rig's. Raises BenchError."""
    with (
        started(rig, folder) as rivals,
        Conversation(folder / "in-memory.log", IN_MEMORY, str(MODEL)) as inside,
    ):
        yield Race(rig, worker_of(rig), rivals, inside, tell)
