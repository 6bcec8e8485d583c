"""The race: the worker, its rivals and the pipeline in memory score the same photos."""

import operator
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bench import ratios
from bench.photos import SIZES, Load, jpegs
from bench.processes import Conversation
from bench.rig import CORES, MODEL, BenchRig
from bench.rivals.contestants import Contestant, worker_of
from bench.rivals.rivals import RIVALS, start_rivals
from bench.throughput.bursts import burst, read_scores

SHARES = {"small": 1.0, "3 MP": 0.75, "12 MP": 0.3}  # of the photos of a burst: large ones take longer
IN_MEMORY_SHARE = 1.5  # of the worker's photos, so that the start and end of a burst weigh little there too
FEWEST = 8  # photos of a rival's burst
WARM_UP = 40  # small photos before the first round
FOR_START, FOR_PHOTO = 120.0, 1.0  # seconds that the pipeline in memory may take
IN_MEMORY = "bench.throughput.in_memory"


@dataclass(frozen=True, slots=True)
class Race:
    """All contestants, running."""

    rig: BenchRig
    worker: Contestant
    rivals: dict[str, Contestant]
    inside: Conversation
    tell: Callable[[str], None]

    def run(self, rounds: int, photos: int) -> dict[str, list[dict[str, float]]]:
        """Race for some rounds; a row of numbers for each round of each kind."""
        samples = {kind: jpegs(kind) for kind in SIZES}
        for kind, distinct in samples.items():
            count = max(FEWEST, round(WARM_UP * SHARES[kind]))
            self._run_lap(Load(kind, -1, distinct, count), f"warm-up, {kind}")
        rows: dict[str, list[dict[str, float]]] = {kind: [] for kind in SIZES}
        for number in range(rounds):
            for kind, distinct in samples.items():
                load = Load(kind, number, distinct, max(FEWEST, round(photos * SHARES[kind])))
                rows[kind].append(self._run_lap(load, f"round {number + 1}, {kind}"))
        return rows

    def _run_lap(self, load: Load, title: str) -> dict[str, float]:
        self.tell(f"{title}, photos in memory")
        request = {"kind": load.kind, "photos": round(load.count * IN_MEMORY_SHARE)}
        row: dict[str, float] = self.inside.ask(request, within=FOR_START + FOR_PHOTO * load.count)
        self.tell(f"{title}, worker")
        row |= burst(self.rig, self.worker, load)
        row |= {"worker_cpu_ms": row.pop("cpu_ms"), "worker_peak_memory_mb": self.worker.peak_memory_mb()}
        for rival in RIVALS:
            self.tell(f"{title}, {rival.label}")
            part = min(load.count, max(FEWEST, round(load.count * rival.share)))
            beside = self._run_rival(self.rivals[rival.name], replace(load, count=part))
            row |= {f"{rival.name}_{name}": value for name, value in beside.items()}
        return ratios.add_ratios(row, CORES, [rival.name for rival in RIVALS])

    def _run_rival(self, rival: Contestant, load: Load) -> dict[str, float]:
        """Run a rival on photos that the worker has scored, and compare the scores."""
        seen = burst(self.rig, rival, load)
        ours, theirs = (read_scores(self.rig, one, load.ids) for one in (self.worker, rival))
        return {
            "per_s": seen["photos_per_s"],
            "cpu_ms": seen["cpu_ms"],
            "services_cpu_ms": seen["services_cpu_ms"],
            "cores_taken": seen["cores_taken"],
            "peak_memory_mb": rival.peak_memory_mb(),
            "same_score": sum(map(operator.eq, ours, theirs)) / load.count,
        }


@contextmanager
def side_by_side(rig: BenchRig, folder: Path, tell: Callable[[str], None]) -> Iterator[Race]:
    """Start all, and stop all but the rig's worker. Raises BenchError, ServicesError."""
    with (
        start_rivals(rig, folder) as rivals,
        Conversation(folder / "in-memory.log", IN_MEMORY, str(MODEL)) as inside,
    ):
        yield Race(rig, worker_of(rig), rivals, inside, tell)
