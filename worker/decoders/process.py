"""A decoder process as the worker sees it: bytes in, pixels out, or the reason why it ended."""

import os
import select
import signal
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from enum import Enum
from typing import Any

from pydantic_core import from_json

SLICE = 1.0  # seconds between two signs of life of a waiting thread
MOST_REPLY = 4096  # bytes
MOST_AT_ONCE = os.sysconf("SC_IOV_MAX")  # pieces of a photo that one call writes
KEPT_MEMORY = 8_000_000  # bytes of shared memory that stay allocated between two photos

Reply = dict[str, Any]


class Ending(Enum):
    """Why a decoder process gave no answer."""

    SLOW = "took too long"
    STUCK = "took too long, most of it without using the CPU"
    KILLED = "was killed from outside"
    CRASHED = "crashed"


class DecoderEndedError(Exception):
    """Raised when a decoder process ended, or had to be ended, before it answered."""

    def __init__(self, ending: Ending, details: str = "") -> None:
        super().__init__(f"the decoder {ending.value}{details and f': {details}'}")
        self.ending = ending


class DecoderProcess:
    """Decodes one photo at a time. Not thread-safe."""

    def __init__(self, channel: socket.socket, memory: int, kill: Callable[[int], None]) -> None:
        self._channel = channel
        self._memory = memory
        self._kill = kill
        self._waiter = select.poll()
        self._waiter.register(channel, select.POLLIN)
        self._process = 0  # its id, once it is ready
        self._is_leaving = False  # it ends after its last reply

    def wait_until_ready(self, timeout: float, alive: Callable[[], None]) -> bool:
        """Wait for the process to start. False if it did not."""
        if self._process:
            return True
        if not self._wait(timeout, alive):
            return False
        ready = self._receive().get("ready")
        self._process = ready if type(ready) is int else 0
        return self._process > 0

    def is_running(self) -> bool:
        """Whether it waits for a photo. One that has ended has said so, or its channel is closed."""
        return self._process > 0 and not self._is_leaving and not self._wait(0, lambda: None)

    def decode(self, pieces: Sequence[bytes], timeout: float, alive: Callable[[], None]) -> Reply:
        """Hand over a photo and wait for the reply.

        Raises DecoderEndedError, after which the process is of no use, and MemoryError.
        """
        used = self._cpu_seconds()
        size = _write(self._memory, pieces)
        with suppress(OSError):  # it has ended: the channel says why
            self._channel.send(str(size).encode())
        if not self._wait(timeout, alive):
            busy = self._cpu_seconds() - used > timeout / 2
            raise DecoderEndedError(Ending.SLOW if busy else Ending.STUCK, f"{timeout:g} s")
        reply = self._receive()
        if not reply.keys() & {"hash", "error"}:
            raise _ended(reply)
        self._is_leaving = bool(reply.get("last"))
        if "error" in reply:
            self._free_memory()
        return reply

    def pixels(self, size: int) -> bytes:
        """Read the pixels of the photo decoded last; fewer than `size` if the process tampers with them."""
        pixels = os.pread(self._memory, size, 0)
        self._free_memory()
        return pixels

    def close(self) -> None:
        """End the process, whatever it is doing. Calling it again does no harm."""
        if self._memory >= 0:
            if self._process:
                self._kill(self._process)
            self._channel.close()
            os.close(self._memory)
            self._memory = -1

    def _free_memory(self) -> None:
        if os.fstat(self._memory).st_size > KEPT_MEMORY:
            os.ftruncate(self._memory, 0)

    def _wait(self, timeout: float, alive: Callable[[], None]) -> bool:
        """Wait for a message, or for the channel's end."""
        left, end = timeout, time.monotonic() + timeout
        while not self._waiter.poll(max(0.0, min(SLICE, left)) * 1000):
            alive()
            left = end - time.monotonic()
            if left <= 0:
                return bool(self._waiter.poll(0))
        return True

    def _receive(self) -> Reply:
        """Read one message. An empty one for anything that is none."""
        try:
            message = from_json(self._channel.recv(MOST_REPLY) or b"{}")
        except (OSError, ValueError):
            return {}
        return message if isinstance(message, dict) else {}

    def _cpu_seconds(self) -> float:
        try:
            return time.clock_gettime(~self._process << 3 | 2)  # its CPU clock, see clock_getcpuclockid(3)
        except OSError:
            return 0.0


def _write(memory: int, pieces: Sequence[bytes]) -> int:
    """Write a photo's bytes; returns how many they are. Raises MemoryError."""
    size = 0
    for start in range(0, len(pieces), MOST_AT_ONCE):
        some = pieces[start : start + MOST_AT_ONCE]
        wanted = sum(map(len, some))
        try:
            is_written = os.pwritev(memory, some, size) == wanted
        except OSError:
            is_written = False
        size += wanted
        if not is_written:
            raise MemoryError(f"no memory to share {size} bytes with a decoder")
    return size


def _ended(notice: Reply) -> DecoderEndedError:
    code = notice.get("ended")
    if code is None or code == -signal.SIGKILL:  # without notice: the zygote was killed, and took it along
        return DecoderEndedError(Ending.KILLED)
    is_signal = isinstance(code, int) and -code in set(signal.Signals)
    return DecoderEndedError(Ending.CRASHED, signal.Signals(-code).name if is_signal else f"exit code {code}")
