"""An HTTP proxy between workers and LocalStack: it tells an audit of each SQS call, and breaks what it is told to.

A fault is a function of an `Exchange`; `Gateway.faults` says which one a service, or one operation of it, has.
"""

import http.client
import json
import socket
import struct
import sys
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.faults.audit import Audit

HOST = "127.0.0.1"
UPSTREAM = 30.0  # seconds LocalStack may take
HANG = 60.0  # seconds the longest hang lasts


@dataclass(frozen=True, slots=True)
class Answer:
    """What LocalStack said."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


class Exchange:
    """One request and what may be done with it."""

    def __init__(self, handler: "_Handler", body: bytes) -> None:
        self._handler = handler
        self._gateway = handler.gateway
        self.body = body
        target = handler.headers.get("X-Amz-Target", "")
        self.service = "sqs" if target.startswith("AmazonSQS.") else "s3"
        self.operation = target.partition(".")[2] if target else f"{handler.command.title()}Object"
        self.key_id = handler.headers.get("Authorization", "").partition("Credential=")[2].partition("/")[0]

    def forward(self) -> Answer:
        """Let LocalStack carry it out; the audit sees both sides."""
        fields = json.loads(self.body or b"{}") if self.service == "sqs" else {}
        if self.service == "sqs":
            self._gateway.audit.before(self.operation, fields)
        answer = self._ask()
        if self.service == "sqs" and answer.status == 200:
            self._gateway.audit.after(self.operation, fields, json.loads(answer.body or b"{}"))
        return answer

    def reply(self, answer: Answer, *, upto: int | None = None) -> None:
        """Answer the worker, with the first `upto` bytes of the body only."""
        handler = self._handler
        handler.send_response_only(answer.status)
        for name, value in answer.headers:
            if name.lower() not in {"connection", "transfer-encoding", "content-length"}:
                handler.send_header(name, value)
        length = {n.lower(): v for n, v in answer.headers}.get("content-length")
        is_head = handler.command == "HEAD"
        handler.send_header("Content-Length", length if is_head and length else str(len(answer.body)))
        handler.end_headers()
        handler.wfile.write(b"" if is_head else answer.body[:upto])
        handler.wfile.flush()

    def error(self, status: int, code: str) -> None:
        """Answer with an error in the service's own format."""
        if self.service == "sqs":
            body = json.dumps({"__type": f"com.amazonaws.sqs#{code}", "message": "by a fault"}).encode()
            headers = [
                ("Content-Type", "application/x-amz-json-1.0"),
                ("x-amzn-query-error", f"{code};Sender"),
            ]
        else:
            body = f"<Error><Code>{code}</Code><Message>by a fault</Message></Error>".encode()
            headers = [("Content-Type", "application/xml")]
        self.reply(Answer(status, headers, body))

    def cut(self) -> None:
        """End the connection with a reset."""
        self._handler.close_connection = True
        self._handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._handler.connection.close()

    def wait(self, seconds: float) -> None:
        """Let time pass, less when the fault is lifted."""
        self._gateway.lifted.wait(seconds)

    def _ask(self) -> Answer:
        connection = http.client.HTTPConnection(HOST, self._gateway.upstream_port, timeout=UPSTREAM)
        headers = {
            n: v for n, v in self._handler.headers.items() if n.lower() not in {"connection", "expect"}
        }
        try:
            connection.request(self._handler.command, self._handler.path, self.body, headers)
            response = connection.getresponse()
            return Answer(response.status, response.getheaders(), response.read())
        finally:
            connection.close()


Fault = Callable[[Exchange], None]


def unavailable(exchange: Exchange) -> None:
    """503, as an overloaded service answers."""
    exchange.error(503, "SlowDown" if exchange.service == "s3" else "ServiceUnavailable")


def throttled(exchange: Exchange) -> None:
    """As a service answers that is called too often."""
    if exchange.service == "s3":
        exchange.error(503, "SlowDown")
    else:
        exchange.error(400, "RequestThrottled")


def reset(exchange: Exchange) -> None:
    """The connection breaks and nothing was carried out."""
    exchange.cut()


def answer_lost(exchange: Exchange) -> None:
    """Carried out, but the connection breaks before the answer."""
    exchange.forward()
    exchange.cut()


def cut_short(exchange: Exchange) -> None:
    """Half of the answer, then the connection breaks."""
    answer = exchange.forward()
    exchange.reply(answer, upto=len(answer.body) // 2)
    exchange.cut()


def hanging(exchange: Exchange) -> None:
    """No answer at all."""
    exchange.wait(HANG)
    exchange.cut()


def slow(seconds: float) -> Fault:
    """Carried out, answered late."""

    def fault(exchange: Exchange) -> None:
        answer = exchange.forward()
        exchange.wait(seconds)
        exchange.reply(answer)

    return fault


def credentials_refused(*refused: str) -> Fault:
    """These access keys have expired, others are good."""

    def fault(exchange: Exchange) -> None:
        if exchange.key_id in refused:
            exchange.error(400 if exchange.service == "s3" else 403, "ExpiredToken")
        else:
            exchange.reply(exchange.forward())

    return fault


class Gateway:
    """The proxy. `faults` maps "s3", "sqs" or e.g. "sqs.DeleteMessageBatch" to what is wrong with it."""

    def __init__(self, upstream_port: int, audit: Audit) -> None:
        self.upstream_port = upstream_port
        self.audit = audit
        self.faults: dict[str, Fault] = {}
        self._begun: Counter[str] = Counter()
        self._lock = threading.Lock()
        self.lifted = threading.Event()
        self._server = _Server((HOST, 0), type("Handler", (_Handler,), {"gateway": self}))
        self._server.gateway = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        self.url = f"http://{HOST}:{self._server.server_port}"

    def break_(self, what: str, fault: Fault) -> None:
        """Let a service or operation have a fault from now on."""
        self.lifted.clear()
        self.faults[what] = fault

    def begun(self, operation: str) -> int:
        """How many requests for an operation have come so far."""
        return self._begun[operation]

    def note(self, operation: str) -> None:
        """A request has come."""
        with self._lock:
            self._begun[operation] += 1

    def mend(self) -> None:
        """Lift all faults; whoever waits in one goes on."""
        self.faults.clear()
        self.lifted.set()

    def close(self) -> None:
        """End it; exchanges under way are daemons."""
        self.mend()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    gateway: "Gateway"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Connections break all the time here: workers are killed. Anything else is a fault of this file."""
        error = sys.exception()
        if not isinstance(error, (OSError, http.client.HTTPException)):
            self.gateway.audit.complain(f"the gateway itself failed: {error!r}")


class _Handler(BaseHTTPRequestHandler):
    gateway: Gateway
    protocol_version = "HTTP/1.1"
    timeout = 60.0

    def _handle(self) -> None:
        exchange = Exchange(self, self.rfile.read(int(self.headers.get("Content-Length") or 0)))
        self.gateway.note(exchange.operation)
        faults = self.gateway.faults
        fault = faults.get(f"{exchange.service}.{exchange.operation}") or faults.get(exchange.service)
        if fault:
            fault(exchange)
        else:
            exchange.reply(exchange.forward())

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _handle  # noqa: N815 - names that http.server asks for

    def log_message(self, *_: object) -> None:
        """Say nothing."""
