"""One request at the gateway, and what a fault can do with it: forward, answer, delay, cut."""

import http.client
import json
import socket
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from localstack.faults.gateway import Fault, Handler

HOST = "127.0.0.1"
UPSTREAM = 30.0  # seconds LocalStack may take
OURS = {"connection", "content-length", "expect", "transfer-encoding"}  # headers of one connection only


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of a service."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


class Exchange:
    """Faults are functions of an exchange. `operation` is SQS's own name, or e.g. `GetObject` for S3."""

    def __init__(self, handler: "Handler", body: bytes) -> None:
        self._handler = handler
        self._gateway = handler.gateway
        self.body = body
        self.path = handler.path
        target = handler.headers.get("X-Amz-Target", "")
        self.service = "sqs" if target.startswith("AmazonSQS.") else "s3"
        self.operation = target.partition(".")[2] if target else f"{handler.command.title()}Object"
        self.key_id = _key_id(handler.headers.get("Authorization", "") + unquote(handler.path))
        self.fault: Fault | None = None

    def forward(self, body: bytes | None = None) -> Answer:
        """Forward the request, or `body` in its place, to LocalStack. An audit sees both sides."""
        body, audit = self.body if body is None else body, self._gateway.audit
        if audit is None or self.service != "sqs":
            return self._ask(body)
        fields = json.loads(body or b"{}")
        audit.before(self.operation, fields)
        answer = self._ask(body)
        if answer.status == 200:
            audit.after(self.operation, fields, json.loads(answer.body or b"{}"))
        return answer

    def reply(self, answer: Answer, *, upto: int | None = None) -> None:
        """Answer the worker with the whole body, or its first `upto` bytes."""
        self._begin(answer)
        self._say(answer.body[:upto])

    def trickle(self, answer: Answer, pieces: int, pause: float) -> None:
        """Answer in so many pieces, with a pause in seconds before each."""
        self._begin(answer)
        size = max(1, -(-len(answer.body) // pieces))
        for start in range(0, len(answer.body), size):
            self.wait(pause)
            self._say(answer.body[start : start + size])

    def error(self, status: int, code: str) -> None:
        """Answer with an error in the format of the service."""
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
        """Reset the connection."""
        self._handler.close_connection = True
        self._handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._handler.connection.close()

    def wait(self, seconds: float) -> None:
        """Wait for so many seconds, or until the fault is mended."""
        self._gateway.wait_while(self.fault, seconds)

    def _begin(self, answer: Answer) -> None:
        handler = self._handler
        handler.send_response_only(answer.status)
        for name, value in answer.headers:
            if name.lower() not in OURS:
                handler.send_header(name, value)
        length = {n.lower(): v for n, v in answer.headers}.get("content-length")
        is_head = handler.command == "HEAD"
        handler.send_header("Content-Length", length if is_head and length else str(len(answer.body)))
        handler.end_headers()

    def _say(self, data: bytes) -> None:
        if self._handler.command != "HEAD":
            self._handler.wfile.write(data)
            self._handler.wfile.flush()

    def _ask(self, body: bytes) -> Answer:
        connection = http.client.HTTPConnection(HOST, self._gateway.upstream_port, timeout=UPSTREAM)
        headers = {n: v for n, v in self._handler.headers.items() if n.lower() not in OURS}
        try:
            connection.request(self._handler.command, self._handler.path, body, headers)
            response = connection.getresponse()
            return Answer(response.status, response.getheaders(), response.read())
        finally:
            connection.close()


def _key_id(signed: str) -> str:
    """Return the access key that signed a header or URL."""
    return signed.partition("Credential=")[2].partition("/")[0]
