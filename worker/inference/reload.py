"""Takes up new versions of the models while the old ones serve: found, loaded, warmed up, then exchanged at once."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from worker.errors import ConfigurationError, StorageError
from worker.inference import bundle
from worker.inference.bundle import Bundle
from worker.inference.free_memory import trim_memory
from worker.inference.runtimes import Checkpoint
from worker.inference.serving import Replica, Serving, versions
from worker.pipeline.queues import ShutDown
from worker.telemetry.counters import Telemetry

Load = Callable[[Sequence[Bundle], Checkpoint], Sequence[Replica]]


class Library(Protocol):
    """Where models come from; both methods raise ConfigurationError and StorageError."""

    def newest(self, location: str) -> str:
        """Name the version that a start would take now."""
        ...

    def fetch(self, location: str, checkpoint: Checkpoint) -> Path:
        """Give the folder of that version on this machine."""
        ...


class Reload:
    """Each step waits, then looks whether a start would take other versions now; if so, takes them up.

    Whatever is wrong with a new version, the old one serves on; it is not tried again until there is yet another.
    """

    def __init__(
        self,
        *,
        library: Library,
        locations: Sequence[str],
        serving: Serving,
        load: Load,
        every: float,
        telemetry: Telemetry,
        stopping: threading.Event,
        clock: Callable[[], float],
    ) -> None:
        """`every` is the time between two looks, in seconds; `load` raises ConfigurationError."""
        self._library = library
        self._locations = tuple(locations)
        self._serving = serving
        self._load = load
        self._every = every
        self._telemetry = telemetry
        self._stopping = stopping
        self._clock = clock
        self._settled = [model.bundle.version for model in serving.replicas[0]]  # taken up, or refused

    def step(self) -> None:
        """Wait and look; raises ShutDown when the worker stops, also in the middle of loading."""
        if self._stopping.wait(self._every):
            raise ShutDown
        try:
            wanted = [self._library.newest(location) for location in self._locations]
        except (ConfigurationError, StorageError) as error:
            self._telemetry.warn("model_look_failed", reason=str(error))
            return
        if wanted != self._settled:
            self._try(wanted)

    def _try(self, wanted: list[str]) -> None:
        begun = self._clock()
        self._telemetry.event("model_loading", versions=wanted)
        try:
            replicas = self._load(self._bundles(), self._checkpoint)
            self._serving.replace(replicas)
        except ShutDown:
            raise
        except StorageError as error:  # not settled: the next look tries again
            self._telemetry.warn("model_look_failed", reason=str(error))
            return
        except Exception as error:  # noqa: BLE001 - told, and the version that serves is none the worse for it
            self._settled = wanted
            self._telemetry.warn("model_refused", versions=wanted, reason=f"{type(error).__name__}: {error}")
            return
        self._settled = wanted
        trim_memory()
        seconds = round(self._clock() - begun, 2)
        self._telemetry.event("model_taken_up", models=dict(versions(replicas[0])), seconds=seconds)

    def _bundles(self) -> list[Bundle]:
        """Read them. Raises ConfigurationError where photos that are prepared already would not fit."""
        read = [bundle.read(str(self._library.fetch(one, self._checkpoint))) for one in self._locations]
        for model, new in zip(self._serving.replicas[0], read, strict=True):
            old = model.bundle
            if (new.name, new.manifest.input) != (old.name, old.manifest.input):
                raise ConfigurationError(
                    f"{new.path}: another name or [input] than version {old.version}; that takes a deployment"
                )
        return read

    def _checkpoint(self) -> None:
        if self._stopping.is_set():
            raise ShutDown
