"""The worker's pipeline with photos and messages in memory, beside nothing but decoding and inference.

    python -m bench.throughput.in_memory MODEL

Reads requests, one line of JSON each ({"kind": …, "photos": N}), and answers with a line of JSON:
photos/s and CPU milliseconds a photo of the pipeline, and of nothing but decoding and inference, measured
just before and just after in this process. With "alone", only the pipeline runs, and the answer is
its resident memory; with "parts", only decoding and inference are measured.
"""

import json
import os
import sys
from pathlib import Path

from bench.photos import SIZES, jpegs
from bench.processes import memory_mb, peak_memory_mb
from bench.throughput.memory_worker import InMemory, load_worker
from bench.throughput.parts import measure_parts
from worker import settings
from worker.telemetry.log import set_up_logs


def main() -> None:
    """Answer until the input ends."""
    used = settings.load({**os.environ, "WORKER_MODEL": sys.argv[1]})
    with Path(os.devnull).open("w") as nowhere:
        set_up_logs("json", used.log_level, nowhere)  # lines are made as in production, and thrown away
        worker = load_worker(used)
        worker.pipeline.start()
        photos = {kind: jpegs(kind) for kind in SIZES}
        for line in sys.stdin:
            request = json.loads(line)
            some = photos[request["kind"]]
            if request.get("parts"):
                answer = measure_parts(worker.replicas, some)
            elif request.get("alone"):
                worker.run(some, request["photos"])
                answer = {"memory_mb": memory_mb()}
            else:
                answer = side_by_side(worker, some, request["photos"])
            print(json.dumps(answer), flush=True)


def side_by_side(worker: InMemory, photos: list[bytes], count: int) -> dict[str, float]:
    """Measure the parts before and after the pipeline, so that changes on the machine affect both."""
    before = measure_parts(worker.replicas, photos)
    seen = worker.run(photos, count)
    after = measure_parts(worker.replicas, photos)
    means = {name: (before[name] + after[name]) / 2 for name in before}
    return {**means, **seen, "memory_peak_mb": peak_memory_mb()}


if __name__ == "__main__":
    main()
