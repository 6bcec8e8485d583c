"""An HTTP proxy between workers and LocalStack. It injects faults, and may report SQS calls to an audit.

A fault is a function of an `Exchange`; `Gateway.faults` has the fault of a service or an operation.
"""

import http.client
import json
import sys
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

from localstack.faults.exchange import HOST, Answer, Exchange

HANG = 60.0  # seconds the longest hang lasts

Fault = Callable[[Exchange], None]
Fields = Mapping[str, Any]


class Audit(Protocol):
    """Sees every call of SQS. Thread-safe."""

    def before(self, operation: str, request: Fields) -> None:
        """See a call before SQS does."""

    def after(self, operation: str, request: Fields, answer: Fields) -> None:
        """See what SQS has answered to a call that it carried out."""

    def complain(self, of: str) -> None:
        """Hear of a fault of the gateway itself."""


def unavailable(exchange: Exchange) -> None:
    """Answer 503, like an overloaded service."""
    exchange.error(503, "SlowDown" if exchange.service == "s3" else "ServiceUnavailable")


def throttle(exchange: Exchange) -> None:
    """Answer like a service that is called too often."""
    if exchange.service == "s3":
        exchange.error(503, "SlowDown")
    else:
        exchange.error(400, "RequestThrottled")


def refusal(status: int, code: str) -> Fault:
    """Answer with this error."""
    return lambda exchange: exchange.error(status, code)


def where(part_of_path: str, fault: Fault) -> Fault:
    """Let the fault hit only the paths with this part: a bucket or a folder of S3."""

    def chosen(exchange: Exchange) -> None:
        if part_of_path in exchange.path:
            fault(exchange)
        else:
            exchange.reply(exchange.forward())

    return chosen


def no_right_to_list(exchange: Exchange) -> None:
    """Answer 403 for an object that is gone, as S3 does to a role that may not list the bucket."""
    answer = exchange.forward()
    if answer.status == 404:
        exchange.error(403, "AccessDenied")
    else:
        exchange.reply(answer)


def reset(exchange: Exchange) -> None:
    """Reset the connection; nothing is carried out."""
    exchange.cut()


def answer_lost(exchange: Exchange) -> None:
    """Carry the request out, but reset the connection before the answer."""
    exchange.forward()
    exchange.cut()


def cut_short(exchange: Exchange) -> None:
    """Send half of the answer, then reset the connection."""
    answer = exchange.forward()
    exchange.reply(answer, upto=len(answer.body) // 2)
    exchange.cut()


def hanging(exchange: Exchange) -> None:
    """Give no answer at all."""
    exchange.wait(HANG)
    exchange.cut()


def slow(seconds: float) -> Fault:
    """Carry the request out and answer late."""

    def fault(exchange: Exchange) -> None:
        answer = exchange.forward()
        exchange.wait(seconds)
        exchange.reply(answer)

    return fault


def trickling(seconds: float, pieces: int = 8) -> Fault:
    """Carry the request out and answer in pieces; no pause is long enough for a timeout."""
    return lambda exchange: exchange.trickle(exchange.forward(), pieces, seconds / pieces)


def every_second_entry_refused(exchange: Exchange) -> None:
    """Carry out half of a batch: 200, with a `Failed` list."""
    call = json.loads(exchange.body)
    refused = [
        {"Id": entry["Id"], "SenderFault": False, "Code": "InternalError"} for entry in call["Entries"][::2]
    ]
    call["Entries"] = call["Entries"][1::2]
    done = json.loads(exchange.forward(json.dumps(call).encode()).body) if call["Entries"] else {}
    answer = {"Successful": done.get("Successful", []), "Failed": [*done.get("Failed", []), *refused]}
    exchange.reply(Answer(200, [("Content-Type", "application/x-amz-json-1.0")], json.dumps(answer).encode()))


def credentials_refused(*refused: str) -> Fault:
    """Refuse these access keys as expired; others are valid."""

    def fault(exchange: Exchange) -> None:
        if exchange.key_id in refused:
            exchange.error(400 if exchange.service == "s3" else 403, "ExpiredToken")
        else:
            exchange.reply(exchange.forward())

    return fault


class Gateway:
    """The proxy. `faults` maps "s3", "sqs" or e.g. "sqs.DeleteMessageBatch" to a fault."""

    def __init__(self, upstream_port: int, audit: Audit | None = None) -> None:
        self.upstream_port = upstream_port
        self.audit = audit
        self.faults: dict[str, Fault] = {}
        self.is_away = False
        self._begun: Counter[str] = Counter()
        self._changed = threading.Condition()
        self._listen(0)
        self.port = self._server.server_port
        self.url = f"http://{HOST}:{self.port}"

    def break_(self, what: str, fault: Fault) -> None:
        """Give a service or an operation a fault."""
        with self._changed:
            self.faults[what] = fault
            self._changed.notify_all()

    def begun(self, operation: str) -> int:
        """How many requests for an operation have arrived so far."""
        return self._begun[operation]

    def note(self, operation: str) -> None:
        """Count a request."""
        with self._changed:
            self._begun[operation] += 1

    def wait_while(self, fault: Fault | None, seconds: float) -> None:
        """Wait for so many seconds, or until the fault is mended."""
        with self._changed:
            self._changed.wait_for(lambda: fault not in self.faults.values(), seconds)

    def mend(self, what: str | None = None) -> None:
        """Mend one fault, or all; requests that wait in one go on."""
        with self._changed:
            for name in [what] if what else list(self.faults):
                self.faults.pop(name, None)
            self._changed.notify_all()

    def go_away(self) -> None:
        """Refuse connections; open ones break at their next request."""
        self.is_away = True
        self._hang_up()

    def come_back(self) -> None:
        """Accept connections again."""
        self._listen(self.port)
        self.is_away = False

    def close(self) -> None:
        """Stop the proxy; threads of open exchanges are daemons."""
        self.mend()
        if not self.is_away:
            self._hang_up()

    def _listen(self, port: int) -> None:
        self._server = _Server((HOST, port), type("Handler", (Handler,), {"gateway": self}))
        self._server.audit = self.audit
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def _hang_up(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    audit: Audit | None

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore broken connections, since workers are killed. Anything else is a bug of the gateway."""
        error = sys.exception()
        if isinstance(error, (OSError, http.client.HTTPException)):
            return
        if self.audit:
            self.audit.complain(f"the gateway itself failed: {error!r}")
        else:
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """Serves one connection of a worker."""

    gateway: Gateway
    protocol_version = "HTTP/1.1"
    timeout = 60.0

    def _handle(self) -> None:
        exchange = Exchange(self, self.rfile.read(int(self.headers.get("Content-Length") or 0)))
        self.gateway.note(exchange.operation)
        faults = self.gateway.faults
        fault = faults.get(f"{exchange.service}.{exchange.operation}") or faults.get(exchange.service)
        if self.gateway.is_away:
            exchange.cut()
        elif fault:
            exchange.fault = fault
            fault(exchange)
        else:
            exchange.reply(exchange.forward())

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _handle  # noqa: N815 - names that http.server asks for

    def log_message(self, *_: object) -> None:
        """Log nothing."""
