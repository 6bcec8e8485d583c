"""Where metrics go besides the log: CloudWatch, Prometheus, both or neither, as the settings say."""

import sys
import time
from collections.abc import Callable, Mapping
from typing import TextIO

from worker.errors import ConfigurationError
from worker.settings import Settings
from worker.telemetry.counters import Sink
from worker.telemetry.emf import EmbeddedMetrics
from worker.telemetry.line_writer import LineWriter
from worker.telemetry.prometheus import PrometheusMetrics

IN_ECS = "ECS_CONTAINER_METADATA_URI_V4"  # is set in the containers of a task


def open_sinks(
    settings: Settings,
    environment: Mapping[str, str],
    clock: Callable[[], float] = time.monotonic,
) -> list[Sink]:
    """Open them, Prometheus's port too. Raises ConfigurationError for a taken port or a closed stdout."""
    found: list[Sink] = []
    if settings.metrics == "emf" or (settings.metrics == "auto" and IN_ECS in environment):
        found.append(
            EmbeddedMetrics(
                LineWriter(_stdout()),
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
