"""The door: beside other servers at several numbers of clients, beside the queue, and what its page costs."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.door import against_queue
from bench.door.race import CLIENTS, KIND, Race
from bench.door.servers import BOTH, LABELS, start_servers, versions
from bench.photos import jpegs
from bench.processes import Conversation, ask_module
from bench.rig import MODEL, BenchRig

LAP, BOTH_WAYS = 0.2, 0.25  # of a load's seconds: with so many laps, the whole takes twelve minutes
SHORTEST = 3.0  # seconds of a lap, for a few batches
CLIENT, IN_MEMORY, PAGE = "bench.door.load_client", "bench.throughput.in_memory", "bench.door.page_cost"
PAGE_WITHIN = 240.0  # seconds


def steps(rounds: int) -> int:
    """How many times `measure` reports progress."""
    laps = len(LABELS) * (1 + rounds * (len(CLIENTS) + 1))
    return 2 + laps + 2 * rounds + against_queue.steps(rounds)


def measure(
    rig: BenchRig, folder: Path, rounds: int, seconds: float, tell: Callable[[str], None]
) -> dict[str, Any]:
    """Race all servers, then both ways into one of them. Raises BenchError, LostError, ServicesError."""
    tell("starting the servers")
    os.environ["WORKER_ENGINE"] = engine = rig.engine()  # of all servers
    photos = jpegs(KIND)
    with (
        start_servers(rig, folder, photos[0]) as servers,
        Conversation(folder / "load-client.log", CLIENT) as client,
        Conversation(folder / "in-memory.log", IN_MEMORY, str(MODEL)) as inside,
    ):
        race = Race(servers, client, inside, tell)
        same = race.same_scores(photos)
        for server in servers.values():
            server.freeze()
        found = race.run(rounds, max(SHORTEST, LAP * seconds))
        both, capacity = servers[BOTH], found["capacity_per_s"][BOTH]
        both.thaw()
        beside = against_queue.measure(
            rig, both, client, capacity, rounds=rounds, seconds=BOTH_WAYS * seconds, tell=tell
        )
    tell("what the page costs")
    page = ask_module(PAGE, within=PAGE_WITHIN)
    size = sum(map(len, photos)) / len(photos) / 1000
    about = {"engine": engine, "versions": versions(), "photos_kb": size, "same_score": same}
    return {**about, **found, "queue": beside, "page": page}
