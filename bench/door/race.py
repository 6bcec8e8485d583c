"""The race: at each number of clients, and at 80 % of what each can do, the servers take turns."""

import operator
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psutil

from bench import ratios
from bench.door.servers import BOTH, DOOR, LABELS, RIVALS, Server
from bench.latency.arrivals import poisson
from bench.latency.summary import summary
from bench.processes import Conversation, LostError, busy_seconds, cpu_seconds
from bench.rig import CORES

KIND = "small"  # photos: the less work each is, the more a server's own work weighs
CLIENTS = (1, 8, 32, 64)
CPU_AT = 32  # clients where a server's own CPU time is read: full batches, no more
OPEN = 0.8  # of what a server answers at best
WARM_UP = 1.0  # seconds of each lap that do not count
SEED = 3
FOR_ANSWERS = 120.0  # seconds that a lap may take beyond its own
OURS = (DOOR, BOTH)

Row = dict[str, float]


@dataclass(frozen=True, slots=True)
class Race:
    """All servers, standing still but for the one whose turn it is."""

    servers: Mapping[str, Server]
    client: Conversation  # bench.door.load_client
    inside: Conversation  # bench.throughput.in_memory
    tell: Callable[[str], None]

    def run(self, rounds: int, seconds: float) -> dict[str, Any]:
        """Race for some rounds of laps of so many seconds. Raises BenchError."""
        for server in self.servers.values():
            self._in_turn(server, f"warm-up, {LABELS[server.name]}", clients=max(CLIENTS), seconds=seconds)
        closed: dict[int, list[Row]] = {clients: [] for clients in CLIENTS}
        for number in range(rounds):
            for clients, rows in closed.items():
                rows.append(self._lap(number, clients, seconds))
        middle = {clients: ratios.medians(rows) for clients, rows in closed.items()}
        capacity = {name: max(row[f"{name}_per_s"] for row in middle.values()) for name in self.servers}
        at_80 = [self._lap_in_the_open(n, capacity, seconds) for n in range(rounds)]
        return {
            "clients": {str(clients): row for clients, row in middle.items()},
            "spread": {str(clients): ratios.spread(rows) for clients, rows in closed.items()},
            "every_round": {str(clients): rows for clients, rows in closed.items()},
            "capacity_per_s": capacity,
            "open": ratios.medians(at_80),
            "open_every_round": at_80,
        }

    def same_scores(self, photos: Sequence[bytes]) -> dict[str, float]:
        """Let all score the same photos; the share that a server scores as the door does."""
        scores = {name: [server.score(photo) for photo in photos] for name, server in self.servers.items()}
        return {name: sum(map(operator.eq, own, scores[DOOR])) / len(photos) for name, own in scores.items()}

    def _lap(self, number: int, clients: int, seconds: float) -> Row:
        title, row = f"round {number + 1}, {clients} clients", Row()
        needed = [self._measure_parts()] if clients == CPU_AT else []
        for server in in_turns(list(self.servers.values()), number):
            seen = self._in_turn(server, f"{title}, {LABELS[server.name]}", clients=clients, seconds=seconds)
            row |= {f"{server.name}_{what}": value for what, value in seen.items()}
        if needed:
            needed.append(self._measure_parts())
            row |= {"parts_cpu_ms": sum(needed) / len(needed)}
        return add_ratios(row)

    def _lap_in_the_open(self, number: int, capacity: Mapping[str, float], seconds: float) -> Row:
        row = Row()
        for server in in_turns(list(self.servers.values()), number):
            rate = OPEN * capacity[server.name]
            moments = poisson(rate, 2 * seconds, SEED + number)
            seen = self._in_turn(
                server, f"round {number + 1}, {rate:.0f} photos/s, {LABELS[server.name]}", moments=moments
            )
            seen["offered_per_s"] = rate
            row |= {f"{server.name}_{what}": value for what, value in seen.items()}
        return {**row, "cores_taken": cores_taken(row)}

    def _in_turn(self, server: Server, title: str, **load: Any) -> Row:
        """Let one server run a load: `clients` for `seconds`, or at `moments`."""
        self.tell(title)
        server.thaw()
        try:
            return run_load(self.client, server, load)
        finally:
            server.freeze()

    def _measure_parts(self) -> float:
        self.tell("decoding and inference alone")
        parts = self.inside.ask({"kind": KIND, "parts": True}, within=FOR_ANSWERS)
        return float(parts["infer_cpu_ms"] + parts["decode_cpu_ms"])


def run_load(client: Conversation, server: Server, load: Mapping[str, Any]) -> Row:
    """Run a load; latencies, photos/s, CPU and memory of the server. Raises LostError for a lost photo."""
    request = {
        "port": server.port,
        "wire": server.wire,
        "kind": KIND,
        "name": f"{server.name}-{time.monotonic_ns():x}",
        "warm_up": WARM_UP,
        **load,
    }
    length = load["seconds"] + WARM_UP if "seconds" in load else max(load["moments"])
    cpu, busy, begun = server.cpu(), busy_seconds() - cpu_seconds([psutil.Process()]), time.monotonic()
    seen = client.ask(request, within=length + FOR_ANSWERS)
    used, took = server.cpu() - cpu, time.monotonic() - begun
    others = busy_seconds() - cpu_seconds([psutil.Process()]) - busy - used - seen["cpu"]
    answered = seen["statuses"].pop("200", 0)
    refused = seen["statuses"].pop("429", 0)
    if seen["statuses"]:
        raise LostError(f"{server.name} did not score all photos; answers by status: {seen['statuses']}")
    if not seen["took"]:
        raise LostError(
            f"{server.name} answered {answered} photos, none of them in time; {refused} were refused"
        )
    row = {
        **summary(seen["took"]),
        "photos": answered,
        "refused": refused,
        "cpu_ms": used * 1000 / answered,
        "client_cpu_ms": seen["cpu"] * 1000 / answered,
        "memory_mb": server.memory_mb(),
        "peak_memory_mb": server.peak_memory_mb(),
        "cores_taken": max(0.0, others) / (took * CORES),
    }
    if "clients" in load:
        return {**row, "per_s": len(seen["took"]) / load["seconds"]}
    return {**row, "sent_late_p99_ms": summary(seen["late"])["p99_ms"]}


def in_turns(servers: list[Server], number: int) -> list[Server]:
    """Let another begin in each round: coming first has a small advantage or disadvantage."""
    first = number % len(servers)
    return servers[first:] + servers[:first]


def cores_taken(row: Mapping[str, float]) -> float:
    """Return the largest share of the cores that other programs took in any server's turn."""
    return max(row[f"{name}_cores_taken"] for name in LABELS)


def add_ratios(row: Mapping[str, float]) -> Row:
    """Add what the aims ask for: throughput and p99 of ours beside the best rival's, and beyond the parts."""
    best = max(row[f"{rival.name}_per_s"] for rival in RIVALS)
    least = min(row[f"{rival.name}_p99_ms"] for rival in RIVALS)
    found = {**row, "cores_taken": cores_taken(row)}
    for name in OURS:
        found[f"{name}_to_best"] = row[f"{name}_per_s"] / best
        found[f"{name}_p99_to_least"] = row[f"{name}_p99_ms"] / least
        found[f"{name}_memory_to_mosec"] = row[f"{name}_memory_mb"] / row["mosec_memory_mb"]
        found |= {f"{name}_to_{one.name}": row[f"{name}_per_s"] / row[f"{one.name}_per_s"] for one in RIVALS}
    if "parts_cpu_ms" in row:
        found |= {f"{name}_beyond_cpu_ms": row[f"{name}_cpu_ms"] - row["parts_cpu_ms"] for name in LABELS}
    return found
