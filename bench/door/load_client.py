"""Sends photos by HTTP, from a process of its own: what it costs must not slow what it measures.

    python -m bench.door.load_client

Reads loads, one line of JSON each, and answers with a line of JSON: how many requests had which
status, when and after how many seconds photos were answered, and the CPU time that this process took.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.door.connection import Answer, Connection
from bench.door.wires import Wire, requests
from bench.photos import jpegs

OK, BUSY = 200, 429
PAUSE = 1.0  # seconds before the next try, where a refusal does not say


@dataclass(slots=True)
class Tally:
    """What became of the requests of a load."""

    statuses: Counter[int] = field(default_factory=Counter)
    took: list[float] = field(default_factory=list)  # seconds to the answers that count
    late: list[float] = field(default_factory=list)  # seconds from when a request was due until it was sent

    def add(self, answer: Answer, seconds: float, *, counts: bool = True) -> None:
        """Note an answer that took so many seconds."""
        self.statuses[answer.status] += 1
        if counts and answer.status == OK:
            self.took.append(seconds)


async def closed_loop(
    port: int, bodies: Iterator[bytes], clients: int, seconds: float, warm_up: float
) -> Tally:
    """Let each client send its next photo when it has its answer.

    Answers count from `warm_up` seconds on, for `seconds`. A client that is refused waits as it is told.
    """
    tally, begun = Tally(), time.monotonic()
    first, last = begun + warm_up, begun + warm_up + seconds

    async def client() -> None:
        connection = await Connection.open(port)
        try:
            while (sent := time.monotonic()) < last:
                answer = await connection.ask(next(bodies))
                now = time.monotonic()
                tally.add(answer, now - sent, counts=first <= now < last)
                if answer.status == BUSY:
                    await asyncio.sleep(answer.retry_after or PAUSE)
                if not connection.is_open:
                    connection = await Connection.open(port)
        finally:
            connection.close()

    await _all(client() for _ in range(clients))
    return tally


async def open_loop(port: int, bodies: Iterator[bytes], moments: Sequence[float]) -> Tally:
    """Send a photo at each of these seconds from now, whatever became of others; its time counts from then."""
    tally, idle, start = Tally(), list[Connection](), time.monotonic()

    async def send(due: float) -> None:
        await asyncio.sleep(due - time.monotonic())
        connection = _still_open(idle) or await Connection.open(port)
        tally.late.append(time.monotonic() - due)
        answer = await connection.ask(next(bodies))
        tally.add(answer, time.monotonic() - due)
        idle.append(connection)

    try:
        await _all(send(start + moment) for moment in moments)
    finally:
        for connection in idle:
            connection.close()
    return tally


def _still_open(idle: list[Connection]) -> Connection | None:
    """Take a connection that the server has not closed meanwhile."""
    while idle:
        if (connection := idle.pop()).is_open:
            return connection
    return None


async def _all(jobs: Iterator[Any]) -> None:
    async with asyncio.TaskGroup() as group:
        for job in jobs:
            group.create_task(job)


def run(load: dict[str, Any], photos: Sequence[bytes]) -> dict[str, Any]:
    """Run one load, and say what became of it."""
    cpu, bodies = time.process_time(), requests(Wire(*load["wire"]), photos, load["name"])
    if "moments" in load:
        tally = asyncio.run(open_loop(load["port"], bodies, load["moments"]))
    else:
        tally = asyncio.run(
            closed_loop(load["port"], bodies, load["clients"], load["seconds"], load["warm_up"])
        )
    return {
        "statuses": {str(status): count for status, count in tally.statuses.items()},
        "took": tally.took,
        "late": tally.late,
        "cpu": time.process_time() - cpu,
    }


def main() -> None:
    """Answer until the input ends."""
    photos: dict[str, list[bytes]] = {}
    for line in sys.stdin:
        load = json.loads(line)
        kind = load["kind"]
        photos.setdefault(kind, jpegs(kind))
        print(json.dumps(run(load, photos[kind])), flush=True)


if __name__ == "__main__":
    main()
