"""Throughput: the worker beside its limits and rivals, several workers on one queue, and memory."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import ratios
from bench.photos import SIZES, jpegs
from bench.processes import Conversation
from bench.rig import MODEL, BenchRig
from bench.rivals.rivals import RIVALS
from bench.throughput import scale
from bench.throughput.race import FOR_PHOTO, FOR_START, IN_MEMORY, side_by_side
from worker import settings

EARLY, LATE = 1000, 20_000  # photos after which memory is read; the second can be set

# name → label and unit, in the order of the table; each is measured for each kind of photo
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
    "limit_per_s": ("limit: cores ÷ CPU of decode + inference, side by side", "photos/s"),
    "limit_with_services_per_s": ("limit, with LocalStack's and Valkey's CPU charged", "photos/s"),
    "decode_cpu_ms": ("CPU of decoding, beside inference", "ms a photo"),
    "infer_cpu_ms": ("CPU of inference, beside decoding", "ms a photo"),
    "memory_cpu_ms": ("CPU of the worker, photos in memory", "ms a photo"),
    "memory_infer-helper_cpu_ms": ("of that: infer's helpers", "ms a photo"),
    "memory_decoder_cpu_ms": ("of that: decoder processes", "ms a photo"),
    "memory_infer_cpu_ms": ("of that: infer", "ms a photo"),
    "memory_poll_cpu_ms": ("of that: poll", "ms a photo"),
    "memory_commit_cpu_ms": ("of that: commit", "ms a photo"),
    "worker_cpu_ms": ("CPU of the worker", "ms a photo"),
    "network_cpu_ms": ("of that: its clients of S3, SQS and Redis", "ms a photo"),
    **{f"{rival.name}_cpu_ms": (f"CPU: {rival.label}", "ms a photo") for rival in RIVALS},
    "services_cpu_ms": ("CPU of LocalStack and Valkey: worker", "ms a photo"),
    **{
        f"{rival.name}_services_cpu_ms": (f"CPU of LocalStack and Valkey: {rival.label}", "ms a photo")
        for rival in RIVALS
    },
    "cores_busy": ("worker, LocalStack and Valkey ÷ all cores", "share"),
    "cores_taken": ("other programs ÷ all cores: worker", "share"),
    "memory_cores_taken": ("other programs ÷ all cores: photos in memory", "share"),
    **{
        f"{rival.name}_cores_taken": (f"other programs ÷ all cores: {rival.label}", "share")
        for rival in RIVALS
    },
    "worker_peak_memory_mb": ("peak memory: worker", "MB"),
    **{f"{rival.name}_peak_memory_mb": (f"peak memory: {rival.label}", "MB") for rival in RIVALS},
}


def steps(rounds: int) -> int:
    """How many times `measure` reports progress."""
    return 1 + (1 + rounds) * len(SIZES) * (2 + len(RIVALS)) + 2


def measure(
    rig: BenchRig, rounds: int, photos: int, tell: Callable[[str], None], late: int = LATE
) -> dict[str, Any]:
    """Run all contestants in turns, then several workers, then memory; `tell` gets what comes next.

    `photos` is the number of small photos in the worker's burst. Memory is read for the second time
    after `late` photos, more than EARLY. Raises LostError, BenchError, ServicesError.
    """
    used = settings.load(os.environ)
    os.environ["WORKER_ENGINE"] = engine = rig.engine()  # from now on, of all contestants
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tell("starting the worker's rivals")
        with side_by_side(rig, folder, tell) as race:
            rows = race.run(rounds, photos)
        tell("several workers on one queue")
        crews = scale.measure(rig, folder, jpegs("small"), photos)
        tell(f"memory after {EARLY} and {late} photos")
        memory = _measure_memory(folder, late)
    return {
        "engine": engine,
        "settings": used.model_dump(mode="json"),  # without the Redis URL: a secret
        "throughput": {kind: ratios.medians(of_kind) for kind, of_kind in rows.items()},
        "spread": {kind: ratios.spread(of_kind) for kind, of_kind in rows.items()},
        "every_round": rows,
        "worker_peak_memory_mb": rig.worker.peak_memory() / 2**20,
        "decoders_peak_memory_mb": rig.worker.peak_memory_of_decoders() / 2**20,
        "scale": crews,
        "memory": memory,
    }


def _measure_memory(folder: Path, late: int) -> dict[str, float]:
    """Resident memory of a fresh process with the real model, early and late."""
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
