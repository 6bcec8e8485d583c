"""Extends the leases that are due, before the messages become visible to others."""

import threading
from collections.abc import Callable

from worker.errors import QueueError
from worker.intake.leases import Leases
from worker.intake.queue_calls import BATCH, MessageQueue
from worker.intake.receivers import Entries
from worker.messages import Message
from worker.telemetry.counters import Telemetry

EXTENDING = 5.0  # seconds at a time


class Extensions:
    """Thread-safe. `visibility` is held in each call, and by whoever releases messages."""

    def __init__(
        self,
        *,
        queue: MessageQueue,
        leases: Leases,
        visibility: threading.Lock,
        report_lost: Callable[[list[Message]], None],
        telemetry: Telemetry,
        clock: Callable[[], float],
    ) -> None:
        self.queue = queue
        self.leases = leases
        self._visibility = visibility
        self._report_lost = report_lost
        self.telemetry = telemetry
        self.clock = clock

    def extend_due(self) -> None:
        """Extend what is due, for EXTENDING seconds and a call: the main thread has more to do.

        What is left is due again soon.
        """
        due, deadline = self.leases.due(), self.clock() + EXTENDING
        for start in range(0, len(due), BATCH):
            with self._visibility:
                self._extend([entry for entry in due[start : start + BATCH] if self.leases.holds(entry[0])])
            if self.clock() >= deadline:
                break

    def _extend(self, due: Entries) -> None:
        """Extend. A message whose extension fails is due again soon, see Leases."""
        since = self.clock()
        try:
            refused = {r.message.message_id: r for r in self.queue.hide(due)}
        except QueueError as error:
            self.telemetry.warn("extension_failed", messages=len(due), reason=str(error))
            return
        for message, seconds in due:
            if message.message_id not in refused:
                self.leases.note_extension(message, seconds, since)
        self.telemetry.count("leases_extended", len(due) - len(refused))
        self._report_lost(self.leases.lose([r.message for r in refused.values() if r.stale]))
