"""Measurements as the bench writes them, with made-up figures."""

from typing import Any

from bench.door.race import CLIENTS, add_ratios
from bench.door.servers import LABELS
from bench.duplicates.quality import counts
from bench.fetch.queue_calls import DELETE, RECEIVE
from bench.fetch.ways import BOTO3, BY_URL, HASH, SIZES, WORKER
from bench.formats.costs import FORMATS
from bench.formats.likeness import ROUGH
from bench.throughput.throughput import ROWS
from worker.photos.hashes import ALGORITHMS

LEDGER = {"put": 9.0, "notify": 4.0, "queue": 3.0, "fetch": 6.0, "decode": 4.0, "infer": 17.0, "commit": 0.5}
SHARES = {"device_busy": 0.5, "cores_busy": 0.4, "cores_taken": 0.0, "mean_batch": 31.0}
RATES = {"photos_per_s": 900.0, "device_per_s": 2000.0, "per_core_per_s": 2000.0, "cpu_ms": 0.5}
FUNCTION = {"share": 0.25, "stage": "infer", "function": "score|x", "file": "worker/inference/scoring.py"}
MACHINE = {
    "cores": 2,
    "cpu": "a CPU",
    "memory_gb": 8,
    "system": "Linux",
    "python": "3",
    "packages": {"x": "1"},
    "engines": ["tensorflow", "litert", "openvino"],
}
MEMORY = {"early_photos": 1000, "late_photos": 8000, "early_mb": 900.0, "late_mb": 909.0, "growth": 0.01}


def speed(*, p99: float = 240.0, overhead: float = 12.0) -> dict[str, Any]:
    """Everything but the duplicates."""
    return {
        "date": "2026-01-01",
        "machine": MACHINE,
        "engine": "litert",
        "options": {"rounds": 3, "photos": 400, "seconds": 25.0, "objects": 1000},
        "start": start(),
        "throughput": _throughput(),
        "batch_sizes": {
            "tensorflow": {"1": 60.0, "32": 120.0},
            "litert": {"1": 140.0, "32": 130.0},
            "openvino": {"1": 160.0, "32": 150.0},
        },
        "latency": {
            "mix": ["small", "3 MP"],
            "capacity_per_s": 60.0,
            "one_at_a_time": {**_latencies(80), "overhead_p50_ms": overhead},
            "loads": {"0.3": _latencies(100), "0.8": _latencies(p99)},
            "original": _latencies(2000),
            "notifications": {
                "offered_per_s": 20.0,
                "alone": _latencies(2200),
                "direct_request": _latencies(150),
            },
        },
        "hostile": {
            "good_per_s": 20.0,
            "bombs_per_s": 10.0,
            "seconds": 25.0,
            "alone": {**_latencies(90), "good": 500, "bombs": 0, "bombs_failed": 0},
            "among": {**_latencies(110), "good": 500, "bombs": 250, "bombs_failed": 250},
        },
        "fetch": fetch(),
        "queue_calls": queue_calls(),
        "formats": formats(),
        "accelerator": {
            "whole_path": _whole_path(),
            "call_ms": 4.0,
            "photo_ms": 0.375,
            "kinds": {
                "ready": {**_feeding("model thread"), "profile": {"functions": [FUNCTION]}},
                "unprofiled": _feeding("helpers"),
                "small": {**_feeding("cores"), "profile": {"functions": [FUNCTION]}},
            },
        },
    }


SERVED = {
    "per_s": 50.0,
    "p50_ms": 90.0,
    "p90_ms": 95.0,
    "p99_ms": 120.0,
    "under_1s": 1.0,
    "cpu_ms": 12.0,
    "memory_mb": 2000.0,
    "peak_memory_mb": 2500.0,
    "client_cpu_ms": 0.2,
    "refused": 0.0,
    "cores_taken": 0.01,
    "sent_late_p99_ms": 2.0,
    "offered_per_s": 40.0,
}
OURS = {"per_s": 60.0, "p99_ms": 100.0, "memory_mb": 900.0}


def door(**changed: float) -> dict[str, Any]:
    """The door beside its rivals: all aims are met but for what is changed."""
    row = {f"{name}_{what}": value for name in LABELS for what, value in SERVED.items()}
    row |= {f"{name}_{what}": value for name in ("door", "both") for what, value in OURS.items()}
    row = {**add_ratios({**row, "parts_cpu_ms": 11.5}), **changed}
    cuts = {"p50_ms": 20.0, "p99_ms": 40.0}
    case = {"offered_per_s": 4.0, "http": cuts, "queue": {"p50_ms": 40.0, "p99_ms": 90.0}}
    return {
        "date": "2026-01-01",
        "machine": MACHINE,
        "engine": "litert",
        "options": {"rounds": 3, "photos": 400, "seconds": 25.0, "objects": 1000},
        "door": {
            "engine": "litert",
            "versions": {"mosec": "1.2"},
            "photos_kb": 35.0,
            "same_score": dict.fromkeys(LABELS, 1.0),
            "clients": {str(clients): row for clients in CLIENTS},
            "spread": {
                str(clients): {name: (value, value) for name, value in row.items()} for clients in CLIENTS
            },
            "open": row,
            "queue": {"one at a time": case, "60% load": case},
            "page": page_cost(),
        },
    }


def page_cost(**changed: float) -> dict[str, Any]:
    """What the page costs: % of a core."""
    turns = {"off": 10.0, "no viewer": 0.1, "3 viewers": 1.0, "16 viewers": 1.5, **changed}
    return {
        "turns": turns,
        "spread": {name: (value / 2, 2 * value) for name, value in turns.items()},
        "frame_ms": 0.2,
    }


def start(**changed: float) -> dict[str, Any]:
    """Starts; what is changed is that of a known model."""
    row = {"seconds": 2.0, "cpu_s": 1.8, "main_mb": 250.0, "decoders_mb": 180.0, "cores_taken": 0.01}
    of_case = {
        "first": {**row, "part imports": 0.5, "part translate": 4.0},
        "second": {**row, "part imports": 0.5, **changed},
        "tensorflow": {**row, "part imports": 2.1},
        "container": {**row, "part imports": 0.5},
    }
    return {
        "median": of_case,
        "spread": {
            case: {name: (value, value) for name, value in row.items()} for case, row in of_case.items()
        },
        "every_round": {case: [row] for case, row in of_case.items()},
        "engines": {
            "first": ["litert", "litert"],
            "second": ["litert", "tensorflow"],
            "tensorflow": ["tensorflow"],
            "container": ["litert"],
        },
    }


def fetch() -> dict[str, Any]:
    """What a fetch costs, in each way."""
    cost = {WORKER: 0.4, BY_URL: 1.2, BOTO3: 1.6, HASH: 0.2}
    row = {way: {"cpu_ms": ms, "least_ms": ms / 2, "most_ms": 2 * ms} for way, ms in cost.items()}
    return {protocol: dict.fromkeys(SIZES, row) for protocol in ("HTTP", "HTTPS")}


def queue_calls() -> dict[str, Any]:
    """What SQS's calls cost, in each way."""
    row = {way: {"cpu_ms": ms, "least_ms": ms, "most_ms": ms} for way, ms in ((WORKER, 0.1), (BOTO3, 0.8))}
    return {protocol: dict.fromkeys((RECEIVE, DELETE), row) for protocol in ("HTTP", "HTTPS")}


def formats() -> dict[str, Any]:
    """What formats cost, and how far thumbnails are from their photos."""
    cost = {"decode_cpu_ms": 10.0, "least_ms": 9.0, "most_ms": 12.0, "mb": 3.0}
    likeness = {
        "photos": 20,
        "mean_difference": 0.04,
        "most_difference": 0.2,
        "other_scores": 1,
        "bits_mean": 0.5,
        "bits_most": 4,
        "within_radius": 1.0,
        "near": 0.95,
    }
    return {
        "formats": dict.fromkeys(FORMATS, cost),
        "thumbnails": {"12 MP": likeness, "all": likeness, ROUGH: likeness},
    }


def quality() -> dict[str, Any]:
    """The quality of the hashes."""
    algorithms = {}
    for name, one in ALGORITHMS.items():
        bits, rule = one.bits, (one.bits, one.radius)
        variants = {"JPEG 30": _counts([0, 1], *rule), "all": _counts([0, 1, bits, bits], *rule)}
        variants["by_hash"] = _counts([0, 1, 2, bits], *rule)
        counted = {"count": 20, "by_hash": 19, "with_colours": 1}
        different = _counts([0] + [bits] * 199, *rule)
        empty = {"gated": _counts([bits] * 4, *rule), "ungated": _counts([0] * 3 + [bits], *rule)}
        algorithms[name] = {
            "bits": bits,
            "radius": one.radius,
            "variants": variants,
            "recoloured": {"hue turned by 120°": counted, "all": counted},
            "different": {"gated": different, "ungated": different},
            "empty": empty,
        }
    layouts = {"2 × 2": {"bound": 11.4, "count": 20, "mistaken": 5}}
    return {"layouts": layouts, "photos": 2, "pictures": 10, "empty": 3, "algorithms": algorithms}


def index() -> dict[str, Any]:
    """The index of duplicates and what it costs; two sizes."""
    size = {
        "script_p50_ms": 0.2,
        "round_trip_p50_ms": 0.5,
        "buckets_read": 52,
        "numpy_p50_ms": 0.1,
        "bk_tree_p50_ms": 20.0,
        "entries_p50": 880.0,
        "entries_p99": 1200.0,
        "bytes": 800.0,
        "own_keys_bytes": 400.0,
    }
    crops = {"script_p50_ms": 0.4, "entries_p50": 1600.0, "entries_p99": 9000.0, "bytes": 780.0}
    rates = {"with_photos_per_s": 90.0, "without_photos_per_s": 92.0}
    cpu = {"with_cpu_ms": 11.0, "without_cpu_ms": 10.9}
    return {
        "index": {
            "radius": 6,
            "sizes": {
                count: {**size, "script_p99_ms": p99} for count, p99 in (("10000", 0.4), ("1000000", 2.5))
            },
            "crops": {
                count: {**crops, "script_p99_ms": p99} for count, p99 in (("10000", 0.4), ("1000000", 1.9))
            },
            "other_radii": {"8": {"buckets_read": 188, "script_p50_ms": 1.0, "script_p99_ms": 3.0}},
        },
        "throughput": {
            "remembered": 100_000,
            "told_alike": 0.02,
            "median": {**rates, **cpu, "ratio": 0.98},
            "spread": {"ratio": (0.93, 1.04)},
        },
    }


def _throughput() -> dict[str, Any]:
    numbers = dict.fromkeys(ROWS, 6.0) | {"cores_taken": 0.01}
    numbers |= {"memory_to_limit": 0.96, "worker_to_limit_with_services": 0.94}
    kinds = ("small", "3 MP", "12 MP")
    crew = {"photos_per_s": 50.0, "shares": [0.5, 0.5], "scored_twice": 0}
    return {
        "engine": "litert",
        "throughput": dict.fromkeys(kinds, numbers),
        "spread": {kind: {name: (value, value) for name, value in numbers.items()} for kind in kinds},
        "every_round": {kind: [numbers] for kind in kinds},
        "scale": {"1": crew, "2": crew},
        "memory": MEMORY,
    }


def _latencies(p99: float) -> dict[str, Any]:
    cuts = {
        "p50_ms": 40.0,
        "p90_ms": 60.0,
        "p99_ms": p99,
        "under_1s": 0.98,
        "steps_mean": LEDGER,
        "photos": 200,
    }
    rates = {"offered_per_s": 20.0, "uploads_per_s": 90.0, "photos_per_s": 50.0, "uploaders": 10}
    counted = {"scored": 200, "already_scored": 200, "scored_again": 0}
    return {**cuts, **rates, **counted, "sent_late_p99_ms": 1.0, "cores_taken": 0.02}


def _feeding(limit: str) -> dict[str, Any]:
    cpu = {"main_cpu_ms": 0.5, "decode_cpu_ms": 2.5}
    return {**SHARES, **RATES, **cpu, "threads_cpu_ms": {"infer": 0.3, "commit": 0.2}, "limit": limit}


def _whole_path() -> dict[str, Any]:
    cpu = {"small": (0.6, 0.1, 2.4), "3 MP": (1.0, 0.4, 9.0), "12 MP": (2.0, 1.2, 30.0)}
    names = ("main_cpu_ms", "hash_cpu_ms", "decode_cpu_ms")
    rows = {
        kind: {"photos_per_s": 90.0, "services_cpu_ms": 3.0, **dict(zip(names, of_kind, strict=True))}
        for kind, of_kind in cpu.items()
    }
    return {
        "median": rows,
        "spread": {kind: {name: (value, value) for name, value in row.items()} for kind, row in rows.items()},
        "every_round": {kind: [row] for kind, row in rows.items()},
    }


def _counts(distances: list[int], bits: int, radius: int) -> dict[str, Any]:
    return {**counts.summary(distances, bits, radius), "without_hash": 3}
