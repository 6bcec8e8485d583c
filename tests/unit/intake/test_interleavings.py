"""Thousands of orders in which the threads around leases may run, and what none of them may break.

A failure names its seed. `SCHEDULE=17 pytest tests/unit/intake/test_interleavings.py` runs that one
again, and `SCHEDULES=100000` tries more than the usual number.
"""

import inspect
import logging
import os
import sys
import textwrap
from collections.abc import Iterator

import pytest
import structlog

from tests.support.schedule import Schedule
from tests.unit.intake.interleaved import InterleavedWorker
from worker.door.waiting.tickets import Tickets
from worker.intake.extensions import Extensions
from worker.intake.leases import Leases
from worker.intake.receivers import Receivers
from worker.intake.s3_uploads import S3Uploads
from worker.pipeline.lanes import Lanes
from worker.stages.commit import Commit
from worker.telemetry.counters import Telemetry

TOGETHER = 250  # orders in one test
ENOUGH = 2_000  # a fault that is planted must show up within so many
LOCK = "with self._visibility:"
UNLOCKED = "if True:"


@pytest.fixture(autouse=True)
def silence() -> Iterator[None]:
    """Log nothing: a run writes dozens of lines."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


def drawn_orders() -> list[range]:
    """The seeds of each test."""
    if "SCHEDULE" in os.environ:
        return [range(int(os.environ["SCHEDULE"]), int(os.environ["SCHEDULE"]) + 1)]
    return [
        range(first, first + TOGETHER)
        for first in range(0, int(os.environ.get("SCHEDULES", "1500")), TOGETHER)
    ]


def broken_promises(seed: int) -> list[str]:
    """Run a worker in the order of a seed."""
    telemetry = Telemetry()  # its lock does not belong to the schedule: no promise depends on it
    with Schedule(seed) as schedule:
        worker = InterleavedWorker(schedule, telemetry)
        code = worker.run()
    broken, queue = [*worker.queue.violations, *worker.door.broken_promises()], worker.queue
    if code != (1 if queue.has_broken_down else 0):
        broken.append(f"exit code {code}")
    if not queue.has_failed:  # else a call could not be made, and nobody can help it
        broken += [f"{message_id} is left hidden" for message_id in queue.left_hidden()]
        broken += ["a lease counts as lost"] * telemetry.counts.get("lease_lost", 0)
    return broken


@pytest.mark.parametrize("seeds", drawn_orders(), ids=str)
def test_no_order_breaks_a_promise(seeds: range) -> None:
    for seed in seeds:
        assert broken_promises(seed) == [], f"SCHEDULE={seed} runs this order again"


@pytest.mark.parametrize(
    ("owner", "method", "old", "new"),
    [
        pytest.param(Extensions, "extend_due", LOCK, UNLOCKED, id="an extension takes no lock"),
        pytest.param(S3Uploads, "_release_entries", LOCK, UNLOCKED, id="a release takes no lock"),
        pytest.param(
            Extensions,
            "extend_due",
            " if self.leases.holds(entry[0])",
            "",
            id="what was released is extended",
        ),
        pytest.param(
            Extensions,
            "_extend",
            "if message.message_id not in refused:",
            UNLOCKED,
            id="a refused extension counts as extended",
        ),
        pytest.param(
            Receivers,
            "keep",
            "self._closed and self._inside > 0",
            "False",
            id="a long poll takes back what is released",
        ),
        pytest.param(
            Leases, "lose", " if lease.open_records != 0", "", id="what is being settled is reported lost"
        ),
        pytest.param(
            Tickets,
            "answer",
            "self._held.pop(outcome.message.message_id, None)",
            "self._held.get(outcome.message.message_id)",
            id="a request is answered twice",
        ),
        pytest.param(
            Commit,
            "_finish",
            "outcome.source.answer(outcome, stored)",
            "pass",
            id="nobody is told of a result that is written",
        ),
        pytest.param(
            Lanes,
            "_has_item_or_over",
            "all(lane.is_over for lane in self._lanes)",
            "any(lane.is_over for lane in self._lanes)",
            id="the end of one way ends the other",
        ),
    ],
)
def test_some_order_finds_a_fault(
    monkeypatch: pytest.MonkeyPatch, owner: type, method: str, old: str, new: str
) -> None:
    source = textwrap.dedent(inspect.getsource(getattr(owner, method)))
    assert source.count(old) == 1, "the code has changed, and this fault with it"
    compiled: dict[str, object] = {}
    exec(source.replace(old, new), vars(sys.modules[owner.__module__]), compiled)  # noqa: S102 - our own code
    monkeypatch.setattr(owner, method, compiled[method])
    assert any(broken_promises(seed) for seed in range(ENOUGH))
