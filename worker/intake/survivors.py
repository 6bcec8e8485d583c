"""Tells later workers which messages a worker has come back from: those did it no harm."""

from collections.abc import Callable, Sequence
from typing import Protocol

from worker.errors import StoreError
from worker.messages import Message

SILENCE = 60.0  # seconds without notes after one has failed


class Notes(Protocol):
    """Tells later workers what they cannot see themselves: see worker/intake/turns.py."""

    def note_survived(self, message_ids: Sequence[str]) -> None:
        """Note that a worker has come back from a receive of each message. Raises StoreError."""


class Survivors:
    """Notes them, unless the notes cannot be taken just now."""

    def __init__(self, notes: Notes, clock: Callable[[], float]) -> None:
        self._notes = notes
        self._clock = clock
        self._silent_until = 0.0  # no notes before this moment

    def note(self, messages: Sequence[Message]) -> None:
        """Note these, after their release: a silent Redis must not delay it."""
        if messages and self._clock() >= self._silent_until:
            try:
                self._notes.note_survived([message.message_id for message in messages])
            except StoreError:  # then they may be worked alone
                self._silent_until = self._clock() + SILENCE
