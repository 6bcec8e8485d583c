"""Starts decoder processes from a zygote, and the zygote again should it end."""

import fcntl
import json
import os
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from worker.decoders.process import DecoderProcess
from worker.errors import DecoderStartError
from worker.photos.decoding import Target

# What Python and the C library read at start. Nothing else of the worker's environment gets there.
KEPT = (
    "PATH",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "LD_LIBRARY_PATH",
    "TZ",
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONPYCACHEPREFIX",
)
# One photo at a time: threads of libraries would only take address space, and a fork copies none.
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}
CLOSE_TIMEOUT = 2.0  # seconds


@dataclass(frozen=True, slots=True)
class Job:
    """What a decoder process needs to know."""

    target: Target
    hash_name: str
    max_bytes: int
    max_pixels: int
    convert_colours: bool = True
    embedded_thumbnails: bool = True

    @property
    def shared_bytes(self) -> int:
        """Most bytes in the shared memory: a photo's, or its pixels."""
        return max(self.max_bytes, self.pixel_bytes)

    @property
    def pixel_bytes(self) -> int:
        """Bytes of a decoded photo."""
        return self.target.height * self.target.width * 3

    def order(self) -> bytes:
        """Encode the order to start a process."""
        target = [self.target.height, self.target.width, self.target.fit]
        return json.dumps(
            {
                "target": target,
                "hash": self.hash_name,
                "max_bytes": self.max_bytes,
                "max_pixels": self.max_pixels,
                "convert_colours": self.convert_colours,
                "embedded_thumbnails": self.embedded_thumbnails,
                "largest_file": self.shared_bytes,
            }
        ).encode()


class Nursery:
    """Thread-safe. The zygote starts at once; it is ready after half a second."""

    def __init__(self, hash_name: str) -> None:
        self._hash_name = hash_name
        self._lock = threading.Lock()
        self._closed = False
        self._control, self._zygote = self._start_zygote()

    def start(self, job: Job) -> DecoderProcess:
        """Start a decoder process; it says later that it is ready. Raises DecoderStartError."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        memory = os.memfd_create("photo")
        with theirs:
            try:
                self._order(job.order(), [theirs.fileno(), memory])
            except OSError as error:
                ours.close()
                os.close(memory)
                raise DecoderStartError(f"no decoder process can be started: {error}") from error
        return DecoderProcess(ours, memory, self._kill)

    @property
    def pid(self) -> int:
        """The zygote's process id."""
        return self._zygote.pid

    def close(self) -> None:
        """End the zygote, and all decoder processes with it."""
        with self._lock:
            self._closed = True
            self._end_zygote()

    def _order(self, order: bytes, descriptors: list[int]) -> None:
        with self._lock:
            try:
                socket.send_fds(self._control, [order], descriptors)
            except (BrokenPipeError, ConnectionResetError):  # the zygote has ended
                if self._closed:
                    raise
                self._end_zygote()
                self._control, self._zygote = self._start_zygote()
                socket.send_fds(self._control, [order], descriptors)

    def _kill(self, process: int) -> None:
        with self._lock, suppress(OSError):  # a zygote that has ended took the process with it
            self._control.send(json.dumps({"kill": process}).encode())

    def _start_zygote(self) -> tuple[socket.socket, "subprocess.Popen[Any]"]:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        with theirs:
            passed = fcntl.fcntl(theirs, fcntl.F_DUPFD_CLOEXEC, 3)  # the worker may have no stdin or stderr
            zygote = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-m", "worker.decoders.zygote", str(passed), self._hash_name],
                env={
                    **kept,
                    **ONE_THREAD,
                    "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path),
                },
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=None if sys.stderr else subprocess.DEVNULL,
                pass_fds=[passed],
                # Ctrl-C at a terminal is for the worker alone. A session of its own would do that too, but
                # Linux then shares the cores between the two sessions (autogroup), which costs some.
                process_group=0,
            )
            os.close(passed)
        return ours, zygote

    def _end_zygote(self) -> None:
        self._control.close()
        try:
            self._zygote.wait(CLOSE_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._zygote.kill()
            self._zygote.wait()
