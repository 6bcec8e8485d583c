"""Replaces models by newer versions, which are loaded and warmed up while the old ones serve."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from worker.errors import ConfigurationError, StorageError, reason
from worker.inference.bundle import Bundle
from worker.inference.delivery.library import Library
from worker.inference.free_memory import trim_memory
from worker.inference.runtimes import Checkpoint
from worker.inference.serving import Replica, Serving, versions
from worker.pipeline.queues import ShutDown
from worker.telemetry.counters import Telemetry

Load = Callable[[Sequence[Bundle], Checkpoint], Sequence[Replica]]


@dataclass(kw_only=True, eq=False)
class Reload:
    """Each step waits, then checks whether a start would load other versions, and if so loads them.

    If anything is wrong with a new version, the old one keeps serving; the new one is not tried
    again.
    """

    library: Library
    locations: Sequence[str]
    serving: Serving
    load: Load  # raises ConfigurationError
    interval_seconds: float
    telemetry: Telemetry
    stopping: threading.Event
    clock: Callable[[], float]

    def __post_init__(self) -> None:
        # Versions that serve, or were refused.
        self._settled = [model.bundle.version for model in self.serving.replicas[0]]

    def step(self) -> None:
        """Wait and check. Raises ShutDown when the worker stops, also while models are loading."""
        if self.stopping.wait(self.interval_seconds):
            raise ShutDown
        try:
            newest = [self.library.newest(location) for location in self.locations]
        except (ConfigurationError, StorageError) as error:
            self.telemetry.warn("model_look_failed", reason=str(error))
            return
        if newest != self._settled:
            self._try(newest)

    def _try(self, newest: list[str]) -> None:
        begun = self.clock()
        self.telemetry.event("model_loading", versions=newest)
        try:
            replicas = self.load(self._fetch(), self._checkpoint)
            self.serving.replace(replicas)
        except ShutDown:
            raise
        except StorageError as error:  # not settled: the next step tries again
            self.telemetry.warn("model_look_failed", reason=str(error))
            return
        except Exception as error:  # noqa: BLE001 - a bad version must not stop the one that serves
            self._settled = newest
            self.telemetry.warn("model_refused", versions=newest, reason=reason(error))
            return
        self._settled = newest
        trim_memory()
        seconds = round(self.clock() - begun, 2)
        self.telemetry.event("model_taken_up", models=dict(versions(replicas[0])), seconds=seconds)

    def _fetch(self) -> list[Bundle]:
        """Fetch the bundles. Raises ConfigurationError if prepared photos would not fit them."""
        bundles = [self.library.fetch(location, self._checkpoint) for location in self.locations]
        for model, new in zip(self.serving.replicas[0], bundles, strict=True):
            old = model.bundle
            if (new.name, new.manifest.input) != (old.name, old.manifest.input):
                raise ConfigurationError(
                    f"{new.path}: another name or [input] than version {old.version}; that takes a deployment"
                )
        return bundles

    def _checkpoint(self) -> None:
        if self.stopping.is_set():
            raise ShutDown
