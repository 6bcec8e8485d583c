"""Where the settings want the worker's figures to go, besides the log."""

import sys
import time
from collections.abc import Callable, Mapping
from typing import TextIO

from worker.errors import ConfigurationError
from worker.settings import Settings
from worker.telemetry.counters import Sink
from worker.telemetry.emf import EmbeddedMetrics
from worker.telemetry.line_writer import Lines
from worker.telemetry.prometheus import PrometheusMetrics

IN_ECS = "ECS_CONTAINER_METADATA_URI_V4"  # is set in the containers of a task


def wanted(
    settings: Settings,
    environment: Mapping[str, str],
    clock: Callable[[], float] = time.monotonic,
) -> list[Sink]:
    """Make them; a port is listened on from now on. Raises ConfigurationError when it is taken, or stdout closed."""
    found: list[Sink] = []
    if settings.metrics == "emf" or (settings.metrics == "auto" and IN_ECS in environment):
        found.append(
            EmbeddedMetrics(
                Lines(_stdout()),
                namespace=settings.metrics_namespace,
                service=settings.service,
                interval=settings.metrics_interval,
                clock=clock,
                now=time.time,
            )
        )
    if settings.metrics_port:
        found.append(PrometheusMetrics(settings.metrics_port))
    return found


def _stdout() -> TextIO:
    """Open it once more, see worker/telemetry/line_writer.py."""
    if sys.stdout is None:
        raise ConfigurationError(
            "stdout is closed, where lines of metrics go; open it, or set WORKER_METRICS=none"
        )
    return open(sys.stdout.fileno(), "w", encoding="ascii", closefd=False)
