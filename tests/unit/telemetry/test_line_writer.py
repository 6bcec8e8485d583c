"""Lines are written in order, and a reader that stalls or goes away blocks nobody."""

import io
import threading

from tests.support.waiting import eventually
from worker.telemetry import line_writer
from worker.telemetry.line_writer import LineWriter


class Stalled(io.StringIO):
    """A stream that blocks in a write until `open` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = threading.Event()
        self.open = threading.Event()

    def write(self, text: str) -> int:
        self.reached.set()
        self.open.wait(10)
        return super().write(text)


class Gone(io.StringIO):
    """A stream whose reader has gone; counts the writes."""

    writes = 0

    def write(self, _text: str) -> int:
        self.writes += 1
        raise BrokenPipeError


def test_a_flush_writes_all_lines_in_order() -> None:
    stream = io.StringIO()
    writer = LineWriter(stream)
    for number in range(100):
        writer.write(f"{number}\n")
    writer.flush()
    assert stream.getvalue().split() == [str(number) for number in range(100)]


def test_a_reader_that_stalls_blocks_nobody_and_lines_beyond_the_buffer_are_dropped() -> None:
    stream = Stalled()
    writer = LineWriter(stream)
    writer.write("first\n")
    assert stream.reached.wait(10)
    for number in range(line_writer.MAX_WAITING + 5):
        writer.write(f"{number}\n")
    assert stream.getvalue() == ""
    stream.open.set()
    eventually(lambda: stream.getvalue().count("\n") == line_writer.MAX_WAITING + 1)
    assert stream.getvalue().split() == ["first", *map(str, range(line_writer.MAX_WAITING))]


def test_a_reader_that_has_gone_is_no_error() -> None:
    stream = Gone()
    writer = LineWriter(stream)
    writer.write("one\n")
    writer.write("other\n")
    writer.flush()
    assert stream.writes == 2
