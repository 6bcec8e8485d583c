"""A TCP proxy between workers and Redis that can refuse, hang and cut connections."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Literal

HOST = "127.0.0.1"
Mode = Literal["open", "refuse", "hang"]


class Wire:
    """`open` passes bytes on, `refuse` closes connections, `hang` accepts them and passes nothing on.

    `accepted`: how many connections came. `answers_to_lose`: so many calls of scripts reach Redis, and their
    connections are cut instead of an answer.
    """

    def __init__(self, upstream_port: int) -> None:
        self._upstream_port = upstream_port
        self._passing = threading.Event()
        self._passing.set()
        self._refusing = False
        self._ended = False
        self.accepted = 0
        self.answers_to_lose = 0
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server((HOST, 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def set(self, mode: Mode) -> None:
        """Change the mode; `refuse` also closes the open connections."""
        self._refusing = mode == "refuse"
        if mode == "hang":
            self._passing.clear()
        else:
            self._passing.set()
        if mode == "refuse":
            self.cut()

    def cut(self) -> None:
        """Shut all connections down; the threads that serve them close them."""
        with self._lock:
            for one in self._sockets:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Stop the proxy."""
        self._ended = True
        self._passing.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        self._thread.join(5)

    def _accept(self) -> None:
        while not self._ended:
            with suppress(OSError):  # `close` has closed the listener
                client, _ = self._listener.accept()
                self.accepted += 1
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError):  # Redis itself may be down
            if self._refusing:
                return
            with socket.create_connection((HOST, self._upstream_port), timeout=5) as server:
                server.settimeout(None)
                self._join(client, server)

    def _join(self, client: socket.socket, server: socket.socket) -> None:
        with self._lock:
            self._sockets += [client, server]
        is_script = threading.Event()  # the last call on this connection
        back = threading.Thread(
            target=self._pump, args=(server, client, self._unless_lost(is_script)), daemon=True
        )
        back.start()
        self._pump(client, server, lambda data: _note(is_script, data))
        back.join(60)
        with self._lock:
            self._sockets = [s for s in self._sockets if s not in (client, server)]

    def _unless_lost(self, is_script: threading.Event) -> Callable[[bytes], bool]:
        def passes(_: bytes) -> bool:
            with self._lock:
                lost = is_script.is_set() and self.answers_to_lose > 0
                self.answers_to_lose -= lost
            return not lost

        return passes

    def _pump(self, source: socket.socket, sink: socket.socket, passes: Callable[[bytes], bool]) -> None:
        with suppress(OSError):
            while (data := source.recv(65536)) and passes(data):
                self._passing.wait(60)
                sink.sendall(data)
        for one in (source, sink):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


def _note(is_script: threading.Event, data: bytes) -> bool:
    (is_script.set if b"EVALSHA" in data else is_script.clear)()
    return True
