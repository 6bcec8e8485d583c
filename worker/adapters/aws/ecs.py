"""ECS: sets this task's scale-in protection through the container agent.

PUT $ECS_AGENT_URI/task-protection/v1/state answers with an object `protection`, `failure` (with
status 200, too) or `error` (ECS developer guide, "Amazon ECS task scale-in protection endpoint").
The agent calls ECS with the task role, waits some seconds for its answer and retries by itself.
"""

import json
import os
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any, Self

import urllib3
from urllib3.exceptions import HTTPError

from worker.errors import reason
from worker.supervision.protection import MINUTES, RefusedError

PATH = "/task-protection/v1/state"
CONNECT, READ = 1.0, 6.0  # seconds; the agent is on this machine, but it waits for ECS
ANSWERING = 10.0  # seconds for a whole answer; without a bound, one that trickles would be the last
MAX_ANSWER = 65_536  # bytes; a normal answer has 200
MAX_TEXT = 300  # characters of the agent's text in an error message
MISSING_RIGHT = "the task role needs ecs:UpdateTaskProtection on this task: "


class EcsAgent:
    """The container agent of this process's task."""

    def __init__(self, uri: str, clock: Callable[[], float] = time.monotonic) -> None:
        """Do not connect yet."""
        self._clock = clock
        self._url = uri.rstrip("/") + PATH
        self._pool = urllib3.PoolManager(timeout=urllib3.Timeout(connect=CONNECT, read=READ), retries=False)

    @classmethod
    def find(cls, environ: Mapping[str, str] = os.environ) -> Self | None:
        """Find the agent by the environment; None outside ECS."""
        uri = environ.get("ECS_AGENT_URI")
        return cls(uri) if uri else None

    def set_protection(self, enabled: bool) -> None:
        """Protect the task for MINUTES from now on, or end its protection. Raises RefusedError."""
        state: dict[str, Any] = {"ProtectionEnabled": enabled}
        if enabled:
            state["ExpiresInMinutes"] = MINUTES
        answer = self._put(json.dumps(state).encode())
        _raise_refusal(answer)
        protection = answer.get("protection")
        if not isinstance(protection, dict) or protection.get("ProtectionEnabled") is not enabled:
            raise RefusedError("UnreadableAnswer", f"the agent answered {str(answer)[:MAX_TEXT]}")

    def _put(self, body: bytes) -> dict[str, Any]:
        headers = {"Content-Type": "application/json"}
        try:
            response = self._pool.request("PUT", self._url, body=body, headers=headers, preload_content=False)
            with closing(response):
                answer = json.loads(self._read(response))
        except (HTTPError, OSError) as error:
            raise RefusedError("NoAnswer", reason(error)) from error
        except (ValueError, RecursionError) as error:
            raise RefusedError("UnreadableAnswer", reason(error)) from error
        return answer if isinstance(answer, dict) else {}

    def _read(self, response: urllib3.BaseHTTPResponse) -> bytes:
        answer, deadline = b"", self._clock() + ANSWERING
        while len(answer) < MAX_ANSWER and (piece := response.read1(MAX_ANSWER - len(answer))):
            answer += piece
            if self._clock() > deadline:
                raise TimeoutError(f"the answer took longer than {ANSWERING:g} s")
        return answer


def _raise_refusal(answer: dict[str, Any]) -> None:
    for kind, code_name, text_name in (("error", "Code", "Message"), ("failure", "Reason", "Detail")):
        refusal = answer.get(kind)
        if isinstance(refusal, dict):
            cause = str(refusal.get(code_name) or kind)[:MAX_TEXT]
            hint = MISSING_RIGHT if cause.startswith("AccessDenied") else ""
            raise RefusedError(cause, f"{hint}{str(refusal.get(text_name) or '')[:MAX_TEXT]}")
