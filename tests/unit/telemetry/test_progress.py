"""How far long work is, where nobody looks at a terminal."""

import io

import pytest
import structlog

from tests.support.fakes import ManualClock
from worker.telemetry import progress
from worker.telemetry.counters import Telemetry


def test_a_line_now_and_then_says_how_far_it_is_and_how_long_it_takes() -> None:
    clock = ManualClock()
    with structlog.testing.capture_logs() as lines:
        shown = progress.show("rehash", 100, telemetry=Telemetry(), clock=clock, stream=io.StringIO())
        with shown as tell:
            for done in range(1, 26):
                clock.seconds += 1
                tell(done)
    said = [(line["done"], line["of"], line["seconds_left"]) for line in lines]
    assert said == [(10, 100, 90), (20, 100, 80)]


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True


def test_on_a_terminal_it_is_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    shown = progress.show("rehash", 4, telemetry=Telemetry(), clock=ManualClock(), stream=stream)
    with shown as tell:
        tell(4)
    assert "rehash" in stream.getvalue()
    assert "4/4" in stream.getvalue()
