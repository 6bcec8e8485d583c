"""An HTTP server on a free port that answers by a function."""

import ssl
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True, slots=True)
class Request:
    """What a client sent."""

    method: str
    path: str  # as it was sent
    headers: Mapping[str, str]
    body: bytes
    peer: tuple[str, int] = ("", 0)  # the client's end of the connection


Body = bytes | Iterable[bytes]  # whole, or in pieces that are sent one by one
Response = tuple[int, Mapping[str, str], Body]  # status, headers, body


@contextmanager
def serve(
    respond: Callable[[Request], Response], *, tls: ssl.SSLContext | None = None, keeps: bool = False
) -> Iterator[str]:
    """Run the server; yields its URL. `keeps`: connections, so answers need a Content-Length."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1" if keeps else "HTTP/1.0"
        disable_nagle_algorithm = True  # a body must not wait until its head was confirmed

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            sent = Request(
                self.command, self.requestline.split()[1], dict(self.headers), body, self.client_address
            )
            status, headers, content = respond(sent)
            with suppress(ConnectionError):  # the client may have gone
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                for piece in [content] if isinstance(content, bytes) else content:
                    self.wfile.write(piece)

        do_GET = do_HEAD = do_POST = do_PUT = answer  # noqa: N815 - the names that http.server calls

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield f"{'http' if tls is None else 'https'}://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join(5)
