"""Lines are written in order, and a reader that stalls or goes away blocks nobody."""

import fcntl
import os
import resource
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.support.waiting import eventually
from worker.telemetry import line_writer
from worker.telemetry.line_writer import LineWriter

FAR = 2**30  # bytes into a file; nothing else that writes meanwhile gets there


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """Let this process write files up to so many bytes, as if the disk were full behind them."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


class Pipe:
    """A pipe and a writer on it."""

    def __init__(self) -> None:
        self.read_end, self.write_end = os.pipe()
        self.writer = LineWriter(self.write_end, "stderr")

    def fill(self) -> int:
        """Leave no room in the pipe, as a reader that stands still does. Returns the number of bytes."""
        size = fcntl.fcntl(self.write_end, fcntl.F_GETPIPE_SZ)
        return os.write(self.write_end, b"\n" * size)

    def block(self, monkeypatch: pytest.MonkeyPatch) -> tuple[int, list[int]]:
        """Let the writer stand still in the write of its first line.

        Returns how many bytes to read until it goes on, and the sizes of all its writes.
        """
        filled, write, sizes = self.fill(), os.write, list[int]()

        def record(descriptor: int, data: bytes) -> int:
            sizes.append(len(data))
            return write(descriptor, data)

        monkeypatch.setattr(os, "write", record)
        self.writer.write("first\n")
        eventually(lambda: bool(sizes))
        return filled, sizes

    def read(self, size: int) -> str:
        found = b""
        while len(found) < size:
            found += os.read(self.read_end, size - len(found))
        return found.decode()

    def read_lines(self, number: int) -> list[str]:
        found = ""
        while found.count("\n") < number:
            found += os.read(self.read_end, 65_536).decode()
        return found.splitlines()


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    os.close(made.write_end)


def test_a_drain_writes_all_lines_in_order(pipe: Pipe) -> None:
    for number in range(100):
        pipe.writer.write(f"{number}\n")
    pipe.writer.drain()
    os.set_blocking(pipe.read_end, False)
    assert pipe.read_lines(100) == [str(number) for number in range(100)]


def test_no_more_is_written_at_once_than_a_pipe_takes_whole(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled, sizes = pipe.block(monkeypatch)
    for _ in range(5):
        pipe.writer.write("é" * 700 + "\n")
    pipe.read(filled)
    pipe.writer.drain()
    assert sizes == [len("first\n"), 2 * 1401, 2 * 1401, 1401]


def test_a_line_longer_than_a_pipe_is_written_whole(pipe: Pipe) -> None:
    pipe.writer.write("é" * 100_000 + "\n")
    assert pipe.read(200_001) == "é" * 100_000 + "\n"


def test_a_reader_that_stalls_blocks_nobody_and_the_lines_it_missed_are_counted_once_it_reads(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line_writer, "DRAIN_TIMEOUT", 0.05)
    filled, _ = pipe.block(monkeypatch)
    for number in range(line_writer.MAX_WAITING + 5):
        pipe.writer.write(f"{number}\n")
    begun = time.monotonic()
    pipe.writer.drain()
    assert time.monotonic() - begun < 1.0
    with capture_logs() as logs:
        pipe.read(filled)
        expected = ["first", *map(str, range(line_writer.MAX_WAITING))]
        assert pipe.read_lines(line_writer.MAX_WAITING + 1) == expected
        eventually(lambda: bool(logs))
    (dropped,) = logs
    assert (dropped["event"], dropped["stream"], dropped["lines"]) == ("lines_dropped", "stderr", 5)


def test_a_reader_that_has_gone_is_no_error(pipe: Pipe) -> None:
    os.close(pipe.read_end)
    pipe.writer.write("one\n")
    pipe.writer.write("other\n")
    pipe.writer.drain()
    assert pipe.writer._dropped == 2
    assert pipe.writer._thread.is_alive()


@pytest.mark.parametrize(
    ("fits", "kept", "dropped"),
    [(0, "", 3), (2, "on\n", 3), (4, "one\n", 2), (7, "one\noth\n", 2), (10, "one\nother\n", 1)],
    ids=["none", "a part of the first", "one", "a part of the second", "two"],
)
def test_only_lines_that_a_full_disk_did_not_take_whole_are_counted(
    tmp_path: Path, fits: int, kept: str, dropped: int
) -> None:
    with (tmp_path / "log").open("w+b") as log:
        log.seek(FAR)
        writer = LineWriter(log.fileno(), "stderr")
        with capture_logs() as logs:
            with files_up_to(FAR + fits):
                writer.write("one\nother\nthird\n")
                writer.drain()
                writer.drain()  # tells nothing, for nothing was written
            writer.write("then\n")
            writer.drain()
        log.seek(FAR)
        assert log.read().decode() == f"{kept}then\n"
    assert [(one["event"], one["lines"]) for one in logs] == [("lines_dropped", dropped)]


def test_a_number_that_stands_for_something_else_for_a_while_does_no_harm(pipe: Pipe) -> None:
    """TensorFlow's import is muted that way."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    keep = os.dup(pipe.write_end)
    os.dup2(nothing, pipe.write_end)
    pipe.writer.write("one\n")
    assert pipe.read(4) == "one\n"
    os.dup2(keep, pipe.write_end)


def test_lines_of_many_threads_stay_whole(pipe: Pipe) -> None:
    def write_some(name: str) -> None:
        for _ in range(200):
            pipe.writer.write(name * 50 + "\n")

    threads = [threading.Thread(target=write_some, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    lines = pipe.read_lines(800)
    for thread in threads:
        thread.join()
    assert sorted(lines) == sorted(name * 50 for name in "abcd" for _ in range(200))
