"""Lines reach whoever reads them in order, and one who does not read keeps nobody waiting."""

import io
import threading

from tests.support.stand import eventually
from worker.telemetry import line_writer
from worker.telemetry.line_writer import LineWriter


class Stalled(io.StringIO):
    """A stream whose reader stands still until it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = threading.Event()
        self.open = threading.Event()

    def write(self, text: str) -> int:
        self.reached.set()
        self.open.wait(10)
        return super().write(text)


class Gone(io.StringIO):
    """A stream whose reader has gone; it counts what nobody gets."""

    tried = 0

    def write(self, _text: str) -> int:
        self.tried += 1
        raise BrokenPipeError


def test_lines_are_written_in_order_and_all_of_them_at_a_flush() -> None:
    stream = io.StringIO()
    written = LineWriter(stream)
    for number in range(100):
        written.write(f"{number}\n")
    written.flush()
    assert stream.getvalue().split() == [str(number) for number in range(100)]


def test_a_reader_who_stands_still_keeps_nobody_waiting_and_no_more_lines_than_may_wait() -> None:
    stream = Stalled()
    written = LineWriter(stream)
    written.write("first\n")
    assert stream.reached.wait(10)
    for number in range(line_writer.MAX_WAITING + 5):
        written.write(f"{number}\n")
    assert stream.getvalue() == ""
    stream.open.set()
    eventually(lambda: stream.getvalue().count("\n") == line_writer.MAX_WAITING + 1)
    assert stream.getvalue().split() == ["first", *map(str, range(line_writer.MAX_WAITING))]


def test_a_reader_who_has_gone_is_no_error() -> None:
    stream = Gone()
    written = LineWriter(stream)
    written.write("one\n")
    written.write("other\n")
    written.flush()
    assert stream.tried == 2
