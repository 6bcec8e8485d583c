"""Several workers on one queue: photos/s of all, the share of each, and no photo lost or left."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from bench.photos import Load
from bench.rig import BenchRig
from bench.rivals.contestants import worker_of
from bench.throughput.bursts import burst
from localstack.worker_process import WorkerProcess

CREWS = (1, 2, 4)  # workers, all on these cores
WARM_UP = 40  # photos of a new crew


def measure(rig: BenchRig, folder: Path, photos: list[bytes], count: int) -> dict[str, Any]:
    """Let each crew score `count` photos. Raises LostError, ServicesError."""
    measured = {}
    for number, size in enumerate(CREWS):
        with _start_workers(size - 1, folder) as others:
            crew, workers = worker_of(rig, *others), [rig.worker, *others]
            if others:
                burst(rig, crew, Load("scale", 2 * number, photos, WARM_UP))
            before = [worker.count("scored") for worker in workers]
            row = burst(rig, crew, Load("scale", 2 * number + 1, photos, count))
            scored = [worker.count("scored") - then for worker, then in zip(workers, before, strict=True)]
            shares = sorted(one / count for one in scored)
            measured[str(size)] = {**row, "shares": shares, "scored_twice": sum(scored) - count}
    return measured


@contextmanager
def _start_workers(count: int, folder: Path) -> Iterator[list[WorkerProcess]]:
    with ExitStack() as stack:
        workers = list[WorkerProcess]()
        for number in range(count):
            workers.append(WorkerProcess(folder / f"worker-{number}.log"))
            stack.callback(workers[-1].stop)
        for worker in workers:
            worker.wait_for("polling")
        yield workers
