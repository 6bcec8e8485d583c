"""Keeps this task's scale-in protection as it should be; its calls never keep the main thread waiting.

The main thread extends leases, and ECS may take seconds to answer, which is longer than a short lease lasts. So each
call, one at a time and seconds apart, has a daemon thread of its own, and the main thread looks at a later tick what
came of it.
"""

import threading
from contextlib import suppress
from typing import Protocol

from worker.supervision.protection import Protection, RefusedError
from worker.telemetry.counters import Telemetry


class Agent(Protocol):
    """What protects the task."""

    def protect(self, wanted: bool) -> None:
        """Protect it for a while, or no longer; raises RefusedError."""
        ...


class Protector:
    """Belongs to the main thread."""

    def __init__(self, agent: Agent, protection: Protection, telemetry: Telemetry) -> None:
        self._agent = agent
        self._protection = protection
        self._telemetry = telemetry
        self._call: _Call | None = None

    def tick(self, in_flight: int) -> None:
        """Look what came of the last call, and make another if one is due; `in_flight` messages are held."""
        if self._call is not None:
            if self._call.is_alive():
                return
            self._note(self._call)
            self._call = None
        wanted = self._protection.due(in_flight)
        if wanted is not None:
            self._call = _Call(self._agent, wanted)
            with suppress(RuntimeError):  # no thread is to be had: refused, as the next look finds
                self._call.start()

    def _note(self, call: "_Call") -> None:
        if call.refusal is None:
            self._note_granted(call.wanted)
        elif self._protection.refused(call.refusal.why):
            self._telemetry.warn(
                "protection_refused", protect=call.wanted, code=call.refusal.why, reason=str(call.refusal)
            )
        else:
            self._telemetry.count("protection_refused")

    def _note_granted(self, wanted: bool) -> None:
        if self._protection.granted(wanted):
            self._telemetry.event("protected" if wanted else "unprotected")
        else:
            self._telemetry.count("protection_prolonged")


class _Call(threading.Thread):
    """One call; without an answer it was refused."""

    def __init__(self, agent: Agent, wanted: bool) -> None:
        super().__init__(name="scale-in", daemon=True)
        self._agent = agent
        self.wanted = wanted
        self.refusal: RefusedError | None = RefusedError("NoAnswer", "the call was not made, or broke off")

    def run(self) -> None:
        try:
            self._agent.protect(self.wanted)
            self.refusal = None
        except RefusedError as error:
            self.refusal = error
