"""ECS: the container agent's endpoint for this task's scale-in protection.

PUT $ECS_AGENT_URI/task-protection/v1/state is answered by an object `protection`, or `failure` (with status 200, too),
or `error` (ECS developer guide, "Amazon ECS task scale-in protection endpoint"). The agent calls ECS in the name of the
task role, waits for it for some seconds and tries again by itself.
"""

import json
import os
from collections.abc import Mapping
from contextlib import closing
from typing import Any, Self

import urllib3
from urllib3.exceptions import HTTPError

from worker.adapters.aws.clients import reason
from worker.supervision.protection import MINUTES, RefusedError

PATH = "/task-protection/v1/state"
CONNECT, READ = 1.0, 6.0  # seconds; the agent is on this machine, ECS behind it is not
LONGEST = 65_536  # bytes of an answer; a good one has 200
SHOWN = 300  # characters of a stranger's text in a reason
RIGHT = "the task role needs ecs:UpdateTaskProtection on this task: "


class Agent:
    """The agent of the task that this process runs in."""

    def __init__(self, uri: str) -> None:
        """Connect to nothing yet."""
        self._url = uri.rstrip("/") + PATH
        self._pool = urllib3.PoolManager(timeout=urllib3.Timeout(connect=CONNECT, read=READ), retries=False)

    @classmethod
    def here(cls, environ: Mapping[str, str] = os.environ) -> Self | None:
        """Find it; None outside of ECS."""
        uri = environ.get("ECS_AGENT_URI")
        return cls(uri) if uri else None

    def protect(self, wanted: bool) -> None:
        """Protect the task for MINUTES from now on, or no longer. Raises RefusedError, also when nobody answers."""
        state: dict[str, Any] = {"ProtectionEnabled": wanted}
        if wanted:
            state["ExpiresInMinutes"] = MINUTES
        answer = self._put(json.dumps(state).encode())
        self._check(answer)
        protection = answer.get("protection")
        if not isinstance(protection, dict) or protection.get("ProtectionEnabled") is not wanted:
            raise RefusedError("UnreadableAnswer", f"the agent answered {str(answer)[:SHOWN]}")

    def _put(self, body: bytes) -> dict[str, Any]:
        headers = {"Content-Type": "application/json"}
        try:
            call = self._pool.request("PUT", self._url, body=body, headers=headers, preload_content=False)
            with closing(call) as answer:
                read = answer.read(LONGEST)
            found = json.loads(read)
        except (HTTPError, OSError) as error:
            raise RefusedError("NoAnswer", reason(error)) from error
        except (ValueError, RecursionError) as error:
            raise RefusedError("UnreadableAnswer", reason(error)) from error
        return found if isinstance(found, dict) else {}

    @staticmethod
    def _check(answer: dict[str, Any]) -> None:
        for kind, code, text in (("error", "Code", "Message"), ("failure", "Reason", "Detail")):
            said = answer.get(kind)
            if isinstance(said, dict):
                why = str(said.get(code) or kind)[:SHOWN]
                needed = RIGHT if why.startswith("AccessDenied") else ""
                raise RefusedError(why, f"{needed}{str(said.get(text) or '')[:SHOWN]}")
