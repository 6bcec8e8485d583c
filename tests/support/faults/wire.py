"""A TCP proxy between workers and Redis that can refuse, hang and cut connections."""

import socket
import threading
from contextlib import suppress
from typing import Literal

HOST = "127.0.0.1"
Mode = Literal["open", "refuse", "hang"]


class Wire:
    """`open` passes bytes on, `refuse` closes connections, `hang` accepts them and passes nothing on."""

    def __init__(self, upstream_port: int) -> None:
        self._upstream_port = upstream_port
        self._passing = threading.Event()
        self._passing.set()
        self._refusing = False
        self._ended = False
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
        back = threading.Thread(target=self._pump, args=(server, client), daemon=True)
        back.start()
        self._pump(client, server)
        back.join(60)
        with self._lock:
            self._sockets = [s for s in self._sockets if s not in (client, server)]

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                self._passing.wait(60)
                sink.sendall(data)
        for one in (source, sink):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
