"""`make run` as a process on free ports, and what its playground says."""

import json
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from localstack.services import HOST, free_port
from localstack.worker_process import ChildProcess
from tests.support.waiting import eventually

UP = "The worker is up."
PATIENCE = 90.0  # seconds


class MakeRun(ChildProcess):
    """`make run`; a context manager that waits until all is up, and ends it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.port = free_port()
        self.url = f"http://{HOST}:{self.port}"
        ports = [f"--{name}-port=0" for name in ("gateway", "redis", "door")]
        ports.append(f"--playground-port={self.port}")
        super().__init__(folder / "make-run.log", "-m", "localstack", f"--folder={folder / 'run'}", *ports)

    def __enter__(self) -> Self:
        try:
            self.wait_for_text(UP)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class Watcher:
    """A viewer of the playground's events; a context manager. Keeps the newest state of each thing."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.newest: dict[str, Any] = {}  # by event; faults and photos by their names and ids below
        self.photos: dict[str, Any] = {}
        self.faults: dict[str, str] = {}
        self.states: list[str] = []  # of the worker
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        eventually(lambda: "account" in self.newest)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()

    @property
    def account(self) -> Mapping[str, int]:
        """The newest account."""
        return dict(self.newest["account"])

    def wait(self, is_so: Callable[[], bool], patience: float = PATIENCE) -> None:
        """Wait until it is so."""
        eventually(is_so, lambda: (self.account, self.faults, self.states, self.settled()), patience)

    def is_over(self, fault: str) -> bool:
        """Whether a fault has come to its end."""
        return self.faults.get(fault) == "off"

    def unsettled(self) -> int:
        """How many photos have come to nothing so far."""
        return self.account["in_flight"] + self.account["lost"]

    def settled(self) -> list[str]:
        """The ids of photos that have come to something."""
        return [image_id for image_id, photo in self.photos.items() if photo["state"] != "sent"]

    def _read(self) -> None:
        with httpx.stream("GET", f"{self._url}/events", timeout=None) as answer:  # noqa: S113 - it ends with the process
            name = ""
            for line in answer.iter_lines():
                field, _, value = line.partition(": ")
                if field == "event":
                    name = value
                elif field == "data":
                    self._note(name, json.loads(value))
                if self._ended.is_set():
                    return

    def _note(self, name: str, data: Any) -> None:
        self.newest[name] = data
        if name == "photo":
            self.photos[data["id"]] = data
        elif name == "fault":
            self.faults[data["name"]] = data["state"]
        elif name == "worker":
            self.states.extend({data["state"]} - {*self.states[-1:]})  # it is said again and again
