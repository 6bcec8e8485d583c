"""A FaultRig for each test, and a table of what became of the photos."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from localstack.services import Services
from tests.support import photos
from tests.support.faults.fault_rig import FaultRig

_numbers = itertools.count(1)
HEADING_WIDTH = 66
HEADINGS = ("sent", "results", "dead", "received", "again", "settled in")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what became of the photos under each fault."""
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    accounts = [
        text
        for report in reports
        if isinstance(report, pytest.TestReport) and report.when == "teardown"
        for name, text in report.user_properties
        if name == "account"
    ]
    if accounts:
        terminalreporter.section("accounts of the fault tests")
        terminalreporter.line(" ".join(f"{heading:>10}" for heading in HEADINGS) + "  fault")
        for account in sorted(map(str, accounts), key=lambda text: text[HEADING_WIDTH:]):
            terminalreporter.line(account)


def account_of(rig: FaultRig, name: str) -> str:
    """Format one line of the table."""
    tally, counts = rig.tally(), rig.audit.counts
    numbers = [
        tally.sent,
        sum(tally.statuses.values()),
        len(tally.dead),
        counts["received"],
        counts["redelivered"],
    ]
    cells = [*(f"{n:10}" for n in numbers), f"{rig.settled_in:8.1f} s"]
    return f"{' '.join(cells)}  {name}"


@pytest.fixture
def rig(
    services: Services, environment: dict[str, str], tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[FaultRig]:
    """A test bed with faults; workers that are left are killed at the end."""
    made = FaultRig(services, tmp_path, environment, name=f"faults-{next(_numbers)}")
    try:
        yield made
        account = account_of(
            made, f"{request.path.stem}: {request.node.name}".replace("test_", "").replace("_", " ")
        )
        request.node.user_properties.append(("account", account))
    finally:
        made.close()


@pytest.fixture
def photo() -> bytes:
    """A small photo of food."""
    return photos.coffee()
