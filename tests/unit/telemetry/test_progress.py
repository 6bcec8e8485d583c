"""Progress of long operations, in the log and on a terminal."""

import io

import pytest
import structlog

from tests.support.fakes import ManualClock
from worker.telemetry import progress
from worker.telemetry.counters import Telemetry


def test_the_log_has_a_line_every_ten_seconds_with_the_time_left() -> None:
    clock = ManualClock()
    with structlog.testing.capture_logs() as lines:
        bar = progress.show("rehash", 100, telemetry=Telemetry(), clock=clock, stream=io.StringIO())
        with bar as tell:
            for done in range(1, 26):
                clock.seconds += 1
                tell(done)
    logged = [(line["done"], line["of"], line["seconds_left"]) for line in lines]
    assert logged == [(10, 100, 90), (20, 100, 80)]


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_has_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    bar = progress.show("rehash", 4, telemetry=Telemetry(), clock=ManualClock(), stream=stream)
    with bar as tell:
        tell(4)
    assert "rehash" in stream.getvalue()
    assert "4/4" in stream.getvalue()
