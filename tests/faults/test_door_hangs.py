"""The door's event loop stands still, or has ended, in a worker that also serves the queue.

Expected: the process ends with exit code 1 and a word on why, the loop that hangs after
`WORKER_STALL_AFTER`; nothing is hidden in the queue, and the next worker scores it. Guards against: a
worker that looks healthy and answers nobody.
"""

import json

import pytest

from localstack.services import free_port
from tests.support.faults.fault_rig import FaultRig
from tests.support.raw_http import RawClient

HANG = "threading.Event().wait()"
END = "asyncio.get_running_loop().stop()"
PROGRAM = """
import asyncio, sys, threading
from worker.door.api import health
from worker.cli import main

async def stop_here(*_):
    {how}

health.Health._live = stop_here
sys.exit(main(["run"]))
"""


@pytest.mark.parametrize(("how", "error"), [(HANG, "StalledError"), (END, "Event loop stopped")])
def test_a_loop_that_runs_no_more_ends_the_process(rig: FaultRig, photo: bytes, how: str, error: str) -> None:
    port = free_port()
    worker = rig.process(
        program=PROGRAM.format(how=how), door_port=str(port), stall_after="30", receive_wait="0"
    )
    worker.wait_for("polling")
    rig.upload(3, photo)
    rig.wait_for_results(3)
    with RawClient(port) as stranger:
        stranger.send(b"GET /livez HTTP/1.1\r\nHost: door\r\n\r\n")
        assert worker.wait() == 1
    (failed,) = worker.events("stage_failed")
    assert error in json.dumps(failed)
    rig.upload(3, photo)
    rig.start_worker()
    rig.account()
