"""A stand-in of the ECS agent's task-protection endpoint: real HTTP, documented answers, and every way to fail."""

import json
import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TASK = "arn:aws:ecs:us-east-1:111122223333:task/photos/0123456789abcdef0123456789abcdef"
PATH = "/api/0123456789abcdef/task-protection/v1/state"
Answer = Callable[[dict[str, Any]], tuple[int, bytes]]  # request → status and body


def grants(state: dict[str, Any]) -> tuple[int, bytes]:
    """As asked."""
    until = "2026-01-01T00:03:00Z" if state["ProtectionEnabled"] else None
    protection = {"ExpirationDate": until, "ProtectionEnabled": state["ProtectionEnabled"], "TaskArn": TASK}
    return 200, json.dumps({"protection": protection}).encode()


def errs(status: int, code: str, message: str) -> Answer:
    """Answer with an `error`."""
    error = {"Arn": TASK, "Code": code, "Message": message}
    return lambda _: (status, json.dumps({"requestID": "12345-abc", "error": error}).encode())


def fails(reason: str, detail: str | None = None) -> Answer:
    """Answer with a `failure`, which has status 200."""
    failure = {"Arn": TASK, "Detail": detail, "Reason": reason}
    return lambda _: (200, json.dumps({"failure": failure}).encode())


def says(body: bytes, status: int = 200) -> Answer:
    """Answer with any bytes."""
    return lambda _: (status, body)


class StandInAgent:
    """Answers on a free port until it is closed; what it was asked, in order. `free` unset keeps answers back."""

    def __init__(self, answer: Answer = grants) -> None:
        self.answer = answer
        self.asked: list[dict[str, Any]] = []
        self.faults: list[str] = []  # requests that the real agent would not take
        self.free = threading.Event()
        self.free.set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def uri(self) -> str:
        """What ECS_AGENT_URI says."""
        return f"http://127.0.0.1:{self._server.server_port}{PATH.removesuffix('/task-protection/v1/state')}"

    def close(self) -> None:
        """Answer what is held and close the port."""
        self.free.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        agent = self

        class Handler(BaseHTTPRequestHandler):
            """One request."""

            def do_PUT(self) -> None:
                state = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if self.path != PATH or set(state) - {"ProtectionEnabled", "ExpiresInMinutes"}:
                    agent.faults.append(f"{self.path} {state}")
                agent.asked.append(state)
                agent.free.wait(60)
                status, body = agent.answer(state)
                with suppress(ConnectionError):  # who asked has heard enough
                    self.send_response(status)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the base class
                """Nobody reads it."""

        return Handler
