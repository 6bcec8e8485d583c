"""A fake of the ECS agent's task-protection endpoint, with its documented answers and failures."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.http_server import Body, Request, Response, serve

TASK = "arn:aws:ecs:us-east-1:111122223333:task/photos/0123456789abcdef0123456789abcdef"
ROOT = "/api/0123456789abcdef"
Answer = Callable[[dict[str, Any]], tuple[int, Body]]  # requested state → status and body


def grant(state: dict[str, Any]) -> tuple[int, bytes]:
    """Answer as requested."""
    until = "2026-01-01T00:03:00Z" if state["ProtectionEnabled"] else None
    protection = {"ExpirationDate": until, "ProtectionEnabled": state["ProtectionEnabled"], "TaskArn": TASK}
    return 200, json.dumps({"protection": protection}).encode()


def error(status: int, code: str, message: str) -> Answer:
    """Answer with an `error`."""
    details = {"Arn": TASK, "Code": code, "Message": message}
    return lambda _: (status, json.dumps({"requestID": "12345-abc", "error": details}).encode())


def failure(reason: str, detail: str | None = None) -> Answer:
    """Answer with a `failure`, which has status 200."""
    details = {"Arn": TASK, "Detail": detail, "Reason": reason}
    return lambda _: (200, json.dumps({"failure": details}).encode())


def raw(body: Body, status: int = 200) -> Answer:
    """Answer with any bytes, whole or in pieces."""
    return lambda _: (status, body)


class FakeAgent:
    """Records the requested states. While `free` is not set, it holds its answers back."""

    def __init__(self) -> None:
        self.uri = ""
        self.answer: Answer = grant
        self.states: list[dict[str, Any]] = []
        self.faults: list[str] = []  # requests that the real agent would reject
        self.free = threading.Event()
        self.free.set()

    @contextmanager
    def running(self) -> Iterator["FakeAgent"]:
        with serve(self._respond) as url:
            self.uri = url + ROOT
            try:
                yield self
            finally:
                self.free.set()

    def _respond(self, request: Request) -> Response:
        state = json.loads(request.body)
        is_known = set(state) <= {"ProtectionEnabled", "ExpiresInMinutes"}
        if request.path != f"{ROOT}/task-protection/v1/state" or not is_known:
            self.faults.append(f"{request.path} {state}")
        self.states.append(state)
        self.free.wait(60)
        status, body = self.answer(state)
        return status, {"Content-Length": str(len(body))} if isinstance(body, bytes) else {}, body
