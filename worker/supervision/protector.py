"""Calls ECS as the protection schedule says, without ever blocking the main thread.

ECS may take seconds to answer, longer than a short lease lasts, and the main thread extends leases.
So each call runs in a daemon thread of its own, one at a time, and the main thread picks up the
result at a later tick.
"""

import threading
from contextlib import suppress
from typing import Protocol

from worker.supervision.protection import ProtectionSchedule, RefusedError
from worker.telemetry.counters import Telemetry


class TaskAgent(Protocol):
    """Sets the task's protection."""

    def set_protection(self, enabled: bool) -> None:
        """Protect the task for a while, or end its protection. Raises RefusedError."""


class Protector:
    """Keeps the task's protection up to date. Belongs to the main thread."""

    def __init__(self, agent: TaskAgent, schedule: ProtectionSchedule, telemetry: Telemetry) -> None:
        self._agent = agent
        self._schedule = schedule
        self._telemetry = telemetry
        self._call: _Call | None = None

    def tick(self, in_flight: int) -> None:
        """Pick up the result of the last call, and start the next one if it is due."""
        if self._call is not None:
            if self._call.is_alive():
                return
            self._report(self._call)
            self._call = None
        enabled = self._schedule.next_call(in_flight)
        if enabled is not None:
            self._call = _Call(self._agent, enabled)
            with suppress(RuntimeError):  # no thread available: the next tick reports a refusal
                self._call.start()

    def _report(self, call: "_Call") -> None:
        refusal = call.refusal
        if refusal is None:
            if self._schedule.report_success(call.enabled):
                self._telemetry.event("protected" if call.enabled else "unprotected")
            else:
                self._telemetry.count("protection_prolonged")
        elif self._schedule.report_refusal(refusal.cause):
            self._telemetry.warn(
                "protection_refused", protect=call.enabled, code=refusal.cause, reason=str(refusal)
            )
        else:
            self._telemetry.count("protection_refused")


class _Call(threading.Thread):
    """One call of the agent. It counts as refused until it has succeeded."""

    def __init__(self, agent: TaskAgent, enabled: bool) -> None:
        super().__init__(name="scale-in", daemon=True)
        self._agent = agent
        self.enabled = enabled
        self.refusal: RefusedError | None = RefusedError("NoAnswer", "the call did not start or did not end")

    def run(self) -> None:
        try:
            self._agent.set_protection(self.enabled)
            self.refusal = None
        except RefusedError as error:
            self.refusal = error
