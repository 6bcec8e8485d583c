"""Sends photos to `tests.fuzz.decode` and reports the photos on which it dies or hangs."""

import json
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
LIMIT = 4_000_000_000  # bytes of address space
DEADLINE = 30.0  # seconds for one photo


@dataclass(frozen=True, slots=True)
class Decoded:
    """What became of one photo; `memory`: the most bytes it took."""

    path: Path
    outcome: str
    memory: int
    seconds: float


def decode(paths: Sequence[Path]) -> Iterator[Decoded]:
    """Decode each photo in a child process; start another one after a photo on which it died or hung."""
    left = list(paths)
    while left:
        with _Child() as child:
            while left and (decoded := child.decode(left[0])):
                yield decoded
                left.pop(0)
        if left:
            yield Decoded(left.pop(0), "DIED OR HUNG", 0, DEADLINE)


class _Child:
    def __enter__(self) -> "_Child":
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.fuzz.decode", str(LIMIT)],
            cwd=ROOT,
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
            _, outcome, memory, seconds = json.loads(self._lines.get(timeout=DEADLINE))
        except (OSError, queue.Empty, ValueError):
            return None
        return Decoded(path, outcome, memory, seconds)

    def _read(self) -> None:
        for line in self._process.stdout or ():
            self._lines.put(line)
        self._lines.put("")  # it has ended
