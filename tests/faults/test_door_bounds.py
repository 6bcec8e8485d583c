"""Clients of the door that say nothing, trickle, stop half-way, or never end what they begin.

Expected: memory stays within what the worker had, the door's budget and 64 MB; `/livez` answers; photos
from the queue are scored meanwhile; and every such connection is ended in time. Guards against: a
worker that strangers end, or fill, by doing almost nothing.
"""

import time

import psutil

from localstack.services import free_port
from tests.support import photos
from tests.support.doors import DoorClient, door_client
from tests.support.faults.fault_rig import FaultRig
from tests.support.floods import (
    MB,
    endless_header,
    endless_headers,
    endless_requests,
    flood,
    half_a_body,
    outlast,
    silent,
    stuffed_head,
    trickling,
)
from tests.support.raw_http import RawClient
from tests.support.waiting import eventually

BUDGET = 64  # MB
BESIDE = 64  # MB beyond what the worker had and its budget
CONNECTIONS = 512  # the default of WORKER_DOOR_CONNECTIONS
MORE = (
    150  # files beyond: connections that are taken, or ended, at the moment, and what the worker itself opens
)
FEW = 10  # files that the worker itself may have open meanwhile
SOON = 15.0  # seconds
LATE = 5.0  # seconds more, after which the test gives up
FLOODS = (
    (2000, silent),
    (500, trickling),
    (500, stuffed_head),
    (500, endless_header),
    (500, endless_headers),
    (500, endless_requests),
    (50, half_a_body),  # last: the allocator may keep what bodies have taken
)


class Watch:
    """Asks `/livez` on a new connection again and again, and notes the worker's memory."""

    def __init__(self, port: int, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._port = port
        self.before = self.most = self._process.memory_info().rss
        self.files: int = self._process.num_fds()
        self.most_files = self.files
        self.alive = 0

    def look(self) -> None:
        with RawClient(self._port) as client:
            assert client.get("/livez").status == 200
        self.alive += 1
        self.most = max(self.most, self._process.memory_info().rss)
        self.most_files = max(self.most_files, self._process.num_fds())

    def is_quiet(self) -> bool:
        """Whether the worker has ended all connections: it has no more files open than at first."""
        return int(self._process.num_fds()) <= self.files + FEW

    @property
    def grown(self) -> float:
        """MB that the worker had more than at first."""
        return float(self.most - self.before) / MB


def test_what_strangers_do_costs_little_and_stops_nothing(rig: FaultRig, photo: bytes) -> None:
    port = free_port()
    worker = rig.start_worker(door_port=str(port), door_memory=str(BUDGET))
    with door_client(port) as client:
        _warm_up(rig, client, photo)
    watch = Watch(port, worker.pid)
    for number, kind in FLOODS:
        sent = rig.upload(5, photo)
        seen, begun = watch.alive, time.monotonic()
        with flood(port, number, kind) as strangers:
            outlast(strangers, SOON + LATE, watch.look)
            eventually(watch.is_quiet)
        took = time.monotonic() - begun
        assert took <= SOON, f"{kind.__name__} took {took:.1f} s"
        assert watch.grown <= BESIDE + (BUDGET if kind is half_a_body else 0), kind.__name__
        assert watch.most_files <= watch.files + CONNECTIONS + MORE, kind.__name__
        assert watch.alive > seen
        rig.account()
        assert {rig.results()[image_id]["status"] for image_id in sent} == {"scored"}
    assert worker.stop() == 0


def _warm_up(rig: FaultRig, client: DoorClient, photo: bytes) -> None:
    """Let both ways have had photos, so that what they keep is there."""
    client.wait_until_ready()
    rig.upload(8, photo)
    for quality in range(70, 78):
        assert client.post("/images", content=photos.coffee(quality=quality)).status_code == 200
    rig.account()
