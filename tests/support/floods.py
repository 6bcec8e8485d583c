"""Clients that cost a server as much as they can, without ever asking for anything."""

import resource
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from localstack.services import HOST

HEAD = b"POST /images HTTP/1.1\r\nHost: door\r\n"
MB = 1_000_000


class Hostile:
    """One connection, which sends the `parts` as far as it can, one a turn, and never the rest."""

    def __init__(self, port: int, parts: Iterator[bytes]) -> None:
        self._parts = parts
        self._unsent = b""
        self.has_ended = False
        self._socket = socket.create_connection((HOST, port), timeout=20)
        self._socket.setblocking(False)

    def turn(self) -> None:
        """Send a part, and see whether the server has ended the connection."""
        try:
            with suppress(BlockingIOError):
                self._unsent = self._unsent or next(self._parts, b"")
                self._unsent = self._unsent[self._socket.send(self._unsent) :]
            with suppress(BlockingIOError):
                while self._socket.recv(65_536):
                    pass
                self.has_ended = True
        except OSError:
            self.has_ended = True

    def close(self) -> None:
        """Go away."""
        self._socket.close()


def silent() -> Iterator[bytes]:
    """Nothing."""
    yield from ()


def trickling() -> Iterator[bytes]:
    """A head that grows by a byte a turn."""
    yield b"GET / HTTP/1.1\r\nX: "
    while True:
        yield b"x"


def half_a_body() -> Iterator[bytes]:
    """Half of 20 MB."""
    yield HEAD + b"Content-Length: %d\r\n\r\n" % (20 * MB)
    for _ in range(10):
        yield bytes(MB)


def stuffed_head() -> Iterator[bytes]:
    """As much of a head as may pass."""
    yield HEAD + b"A:1\r\n" * 90 + b"X: " + b"x" * 30_000


def endless_header() -> Iterator[bytes]:
    """One field without an end."""
    yield HEAD + b"X: "
    while True:
        yield b"x" * MB


def endless_headers() -> Iterator[bytes]:
    """Small fields without an end."""
    yield HEAD
    while True:
        yield b"A:1\r\n" * 100_000


def endless_requests() -> Iterator[bytes]:
    """Requests sent ahead, whose answers nobody reads."""
    while True:
        yield b"GET /livez HTTP/1.1\r\nHost: door\r\n\r\n" * 10_000


def allow_open_files(number: int) -> None:
    """Let this process have so many files open, where the system allows it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < number:
        resource.setrlimit(resource.RLIMIT_NOFILE, (number, max(hard, number)))


@contextmanager
def flood(port: int, number: int, kind: Callable[[], Iterator[bytes]]) -> Iterator[list[Hostile]]:
    """Connect so many clients of a kind. They hold on to their connections until the end."""
    allow_open_files(number + 500)
    clients = list[Hostile]()
    try:
        for _ in range(number):
            clients.append(Hostile(port, kind()))
        yield clients
    finally:
        for client in clients:
            client.close()


def outlast(clients: Sequence[Hostile], patience: float, meanwhile: Callable[[], object]) -> None:
    """Let clients go on until the server has ended each."""
    end = time.monotonic() + patience
    while left := [client for client in clients if not client.has_ended]:
        assert time.monotonic() < end, f"{len(left)} of {len(clients)} connections are still open"
        for client in left:
            client.turn()
        meanwhile()
