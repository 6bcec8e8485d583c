"""An HTTP client that sends exactly the bytes it is told to, and reads one answer at a time."""

import http.client
import io
import socket
from dataclasses import dataclass
from types import TracebackType
from typing import Self

PATIENCE = 20.0  # seconds until a read fails


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server has answered."""

    status: int
    headers: dict[str, str]  # names in lower case
    body: bytes


class RawClient:
    """One connection to a port of this machine."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def send(self, *parts: bytes) -> None:
        for part in parts:
            self._socket.sendall(part)

    def get(self, path: str = "/", *fields: str) -> Answer:
        """A request without a body, and its answer."""
        lines = [f"GET {path} HTTP/1.1", "Host: door", *fields, "", ""]
        self.send("\r\n".join(lines).encode())
        return self.answer()

    def answer(self, *, head_only: bool = False) -> Answer:
        """The next answer; one to HEAD ends with its head."""
        head = self._until(b"\r\n\r\n")
        first, _, rest = head.partition(b"\r\n")
        headers = {name.lower(): value for name, value in http.client.parse_headers(io.BytesIO(rest)).items()}
        status = int(first.split()[1])
        if head_only or status < 200 or status in {204, 304}:
            return Answer(status, headers, b"")
        if headers.get("transfer-encoding") == "chunked":
            return Answer(status, headers, self._chunks())
        return Answer(status, headers, self._bytes(int(headers["content-length"])))

    def is_closed(self) -> bool:
        """Wait for the other side to end the connection: True if nothing more came."""
        assert not self._received, self._received
        try:
            return self._socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    def _more(self) -> None:
        data = self._socket.recv(65_536)
        if not data:
            raise ConnectionError(f"the connection has ended after {self._received!r}")
        self._received += data

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._received:
            self._more()
        found, _, self._received = self._received.partition(mark)
        return found + mark

    def _bytes(self, number: int) -> bytes:
        while len(self._received) < number:
            self._more()
        found, self._received = self._received[:number], self._received[number:]
        return found

    def _chunks(self) -> bytes:
        body = b""
        while size := int(self._until(b"\r\n"), 16):
            body += self._bytes(size)
            self._until(b"\r\n")
        self._until(b"\r\n")
        return body
