"""An index filled as `rehash` fills it; look-ups by the worker's store, timed and checked."""

import statistics
import time
from dataclasses import dataclass, field

import numpy as np
import redis

from bench.duplicates.index.photos import fingerprint, photo, result
from bench.duplicates.index.rivals import Hashes, LinearScan
from bench.duplicates.index.server import other_programs_cpu, start_timing, stop_timing, used_memory
from bench.processes import BenchError
from bench.rig import CORES
from localstack.services import HOST
from worker.adapters.redis.store import RedisStore
from worker.photos.hashes import PHASH
from worker.results import look_alikes
from worker.results.look_alikes import DuplicateRule
from worker.results.redis_keys import Keys

QUERIES = 400  # look-ups in a row; every second one has a look-alike
ENTRY = (
    33 + 34
)  # bytes in a bucket: hash, time, the id of a UUID with its length; the same again for the colours
LOT = 1000  # photos added at a time
DAY = 86_400  # seconds
SAMPLE = 200  # photos whose keys are weighed
WITHIN = 1e6 * DAY  # microseconds; half of it is the age of the first photo


def _no_hashes() -> Hashes:
    return np.empty(0, np.uint64)


@dataclass(slots=True)
class FilledIndex:
    """An index that is filled in steps; of the photos filled in, number n is the n-th oldest."""

    server: "redis.Redis"
    to_come: Hashes = field(repr=False)
    strangers: Hashes = field(repr=False)  # drawn like the hashes to come
    hashes: Hashes = field(default_factory=_no_hashes, repr=False)
    # hash → the oldest photo within the radius
    asked: list[tuple[int, int | None]] = field(default_factory=list)
    _began: int = field(default_factory=lambda: int(time.time() * 1e6 - WITHIN / 2))
    _empty: int = 0
    _looked_up: set[int] = field(default_factory=set)  # written now: younger than all that are filled in

    def fill(self, size: int) -> None:
        """Add photos, as `rehash` does, until there are `size`."""
        if not len(self.hashes):
            self._empty = used_memory(self.server)
        store, begun = self._store(PHASH.radius), len(self.hashes)
        new = self.to_come[: size - begun]
        for start in range(0, len(new), LOT):
            lot = enumerate(new[start : start + LOT], begun + start)
            store.index.enter([(photo(n), fingerprint(n, int(bits)), self._began + n) for n, bits in lot])
        self.hashes, self.to_come = np.concatenate([self.hashes, new]), self.to_come[len(new) :]

    def look_up(self, radius: int) -> dict[str, float]:
        """Write results of new photos, as `commit` does; milliseconds on the server and here.

        Raises BenchError when the answer is not the oldest look-alike.
        """
        store, chance = self._store(radius), np.random.default_rng([radius, len(self.hashes)])
        self.asked = []
        start_timing(self.server)
        others, began = other_programs_cpu(self.server), time.perf_counter()
        took = [self._write(store, self._draw(chance, number, radius), radius) for number in range(QUERIES)]
        elapsed = time.perf_counter() - began
        taken = max(0.0, other_programs_cpu(self.server) - others) / (elapsed * CORES)
        on_server, read = stop_timing(self.server), self._count_entries(radius)
        return {
            "script_p50_ms": statistics.median(on_server),
            "script_p99_ms": on_server[int(len(on_server) * 0.99)],
            "round_trip_p50_ms": statistics.median(took),
            "buckets_read": look_alikes.count_buckets(PHASH.bits, radius),
            "entries_p50": statistics.median(read),
            "entries_p99": read[int(len(read) * 0.99)],
            "cores_taken": taken,
        }

    def weigh(self) -> dict[str, float]:
        """Bytes that Redis keeps for a photo: all, and those of its own two keys."""
        keys, few = Keys("{image_id}").index(""), range(0, SAMPLE * LOT // 100, 10)
        own = [keys.of(photo(n).image_id, fingerprint(n, int(self.hashes[n])))[:2] for n in few]
        weights = [sum(int(self.server.memory_usage(key) or 0) for key in both) for both in own]
        whole = (used_memory(self.server) - self._empty) / len(self.hashes)
        return {"bytes": whole, "own_keys_bytes": statistics.mean(weights)}

    def _draw(self, chance: np.random.Generator, number: int, radius: int) -> int:
        """Draw a hash to look up: every second one within the radius of a known photo."""
        bits = int(chance.choice(self.strangers))
        if number % 2:
            flips = chance.choice(64, size=int(chance.integers(radius + 1)), replace=False)
            known = int(self.hashes[chance.integers(len(self.hashes))])
            bits = known ^ sum(1 << int(bit) for bit in flips)
        return bits

    def _write(self, store: RedisStore, bits: int, radius: int) -> float:
        """Write a new photo's result and check the answer; the milliseconds that it took."""
        alike = LinearScan(self.hashes).within(bits, radius)
        oldest = min(alike, key=lambda number: (number in self._looked_up, number), default=None)
        begun = time.perf_counter()
        (written,) = store.write([result(len(self.hashes), bits)], [""])
        took = (time.perf_counter() - begun) * 1000
        answer = written.duplicate_of.image_id if written.duplicate_of else None
        if answer != (None if oldest is None else photo(oldest).image_id):
            raise BenchError(f"of {bits:016x} the index knows {answer}, a look at all photos {oldest}")
        self.asked.append((bits, oldest))
        self._looked_up.add(len(self.hashes))
        self.hashes = np.append(self.hashes, np.uint64(bits))
        return took

    def _count_entries(self, radius: int) -> list[float]:
        """Count the entries in the buckets of each hash looked up; ascending."""
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
