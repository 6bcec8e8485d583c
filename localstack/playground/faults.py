"""What one can break: each fault begins when it is asked for, and ends by itself."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from localstack.playground.web.stream import Event
from worker.door.problems import Refusal


class BusyError(Exception):
    """Raised when a fault of a kind is asked for while one of that kind is on."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault. Those of one `kind` do not go together."""

    name: str
    title: str
    says: str  # what happens
    seconds: float  # how long it lasts; 0 where nobody knows
    # Begins it, waits, ends it, also when it is cancelled; may raise Refusal.
    act: Callable[[], Awaitable[None]]
    kind: str = ""


class Faults:
    """Belongs to one event loop. `tell` hears of each fault that begins or ends."""

    def __init__(
        self, faults: list[Fault], tell: Callable[[Event], None], clock: Callable[[], float]
    ) -> None:
        self._faults: Mapping[str, Fault] = {one.name: one for one in faults}
        self._tell = tell
        self._clock = clock
        self._on = dict[str, tuple[Fault, float]]()  # by kind: the fault, and when it will be over
        self._tasks = set[asyncio.Task[None]]()

    def describe(self) -> list[dict[str, str]]:
        """Describe all of them."""
        return [{"name": one.name, "title": one.title, "says": one.says} for one in self._faults.values()]

    def events(self) -> list[Event]:
        """Describe those that are on."""
        return [self._event(fault, until) for fault, until in self._on.values()]

    def begin(self, name: str) -> None:
        """Begin one. Raises KeyError for an unknown one, and BusyError."""
        fault = self._faults[name]
        kind = fault.kind or name
        if kind in self._on:
            raise BusyError(f"“{self._on[kind][0].title}” is not over yet")
        self._on[kind] = fault, self._clock() + fault.seconds
        self._tell(self._event(*self._on[kind]))
        task = asyncio.create_task(self._run(fault, kind))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def end(self) -> None:
        """End all of them."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, fault: Fault, kind: str) -> None:
        says = fault.says
        try:
            await fault.act()
        except Refusal as refusal:
            says = f"It did not happen: {refusal}."
        finally:
            del self._on[kind]
            self._tell(self._event(fault, None, says))

    def _event(self, fault: Fault, until: float | None, says: str = "") -> Event:
        is_on = until is not None
        left = round(max(0.0, until - self._clock()), 1) if until is not None else 0.0
        fields: dict[str, Any] = {
            "name": fault.name,
            "state": "on" if is_on else "off",
            "left": left,
            "says": says or fault.says,
        }
        return Event.of("fault", fields, f"fault {fault.name}")
