"""Sends photos to `tests.fuzz.decode` and reports the photos on which it dies or hangs."""

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from worker.decoders.child import PER_BYTE, PER_PIXEL
from worker.decoders.nursery import ONE_THREAD
from worker.errors import PhotoError

ROOT = Path(__file__).parents[2]
ALLOWED = {"pixels"} | {error.code for error in PhotoError.__subclasses__()}
STATED = 64_000_000  # bytes; the process bounds what it maps a little below that
DIED = "died or hung"
DEADLINE = 60.0  # seconds for one photo on a busy machine; alone, none of these takes 10


@dataclass(frozen=True, slots=True)
class Decoded:
    """What became of one photo; `memory`: the most bytes it took."""

    path: Path
    outcome: str
    pixels: int
    memory: int
    seconds: float

    @property
    def bound(self) -> int:
        """The memory that the process may take for it, as SECURITY.md states it."""
        return STATED + PER_PIXEL * self.pixels + PER_BYTE * self.path.stat().st_size


def decode(paths: Sequence[Path]) -> Iterator[Decoded]:
    """Decode each photo in a child process; start another one after a photo on which it died or hung."""
    left = list(paths)
    while left:
        with _Child() as child:
            while left and (decoded := child.decode(left[0])):
                yield decoded
                left.pop(0)
        if left:
            yield Decoded(left.pop(0), DIED, 0, 0, DEADLINE)


class _Child:
    def __enter__(self) -> "_Child":
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.fuzz.decode"],
            cwd=ROOT,
            env={**os.environ, **ONE_THREAD},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # decoders talk
            text=True,
        )
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait(10)
        self._reader.join(10)
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                stream.close()

    def decode(self, path: Path) -> Decoded | None:
        """Decode one photo; None when the child died or took too long."""
        try:
            if self._process.stdin:
                self._process.stdin.write(f"{path}\n")
                self._process.stdin.flush()
            answer = json.loads(self._lines.get(timeout=DEADLINE))
        except (OSError, queue.Empty, ValueError):
            return None
        return Decoded(path, *answer)

    def _read(self) -> None:
        for line in self._process.stdout or ():
            self._lines.put(line)
        self._lines.put("")  # it has ended
