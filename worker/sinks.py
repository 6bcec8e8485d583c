"""Where the settings want the worker's figures to go, besides the log."""

import sys
import time
from collections.abc import Callable, Mapping
from typing import TextIO

from worker.adapters.prometheus import PrometheusMetrics
from worker.embedded import EmbeddedMetrics
from worker.settings import Settings
from worker.telemetry import Sink

IN_ECS = "ECS_CONTAINER_METADATA_URI_V4"  # is set in the containers of a task


def wanted(
    settings: Settings,
    environment: Mapping[str, str],
    stream: TextIO = sys.stdout,
    clock: Callable[[], float] = time.monotonic,
) -> list[Sink]:
    """Make them; a port is listened on from now on. Raises ConfigurationError when it is taken."""
    found: list[Sink] = []
    if settings.metrics == "emf" or (settings.metrics == "auto" and IN_ECS in environment):
        found.append(
            EmbeddedMetrics(
                stream,
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
