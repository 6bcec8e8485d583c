"""run: poll the queue until stopped."""

import argparse
import os
import sys
import time
from collections.abc import Mapping

from worker.commands import OK
from worker.errors import ConfigurationError
from worker.settings import Settings, load
from worker.supervision import supervisor
from worker.telemetry.counters import Sink, Telemetry, Tracer
from worker.telemetry.emf import EmbeddedMetrics
from worker.telemetry.log import set_up_logs
from worker.telemetry.standard_streams import guard_stderr, open_stdout
from worker.telemetry.start import Start, process_seconds

OTLP = "OTEL_EXPORTER_OTLP_ENDPOINT"  # OpenTelemetry's own variables, which its SDK reads
OTLP_PROTOCOL = "OTEL_EXPORTER_OTLP_PROTOCOL"
IN_ECS = "ECS_CONTAINER_METADATA_URI_V4"  # set in the containers of an ECS task


def run(_options: argparse.Namespace) -> int:
    stderr = guard_stderr()
    settings = load()
    set_up_logs(settings.log_format, settings.log_level, sys.stderr)
    stop = supervisor.StopFlag()
    stop.install()
    from worker import app  # noqa: PLC0415 - takes a while; bad settings and a stop must not wait

    start = Start({"imports": process_seconds()})
    timeouts = supervisor.Timeouts(
        settings.drain_deadline, settings.receive_wait, settings.stall_after, settings.give_up_after
    )
    try:
        telemetry = Telemetry(open_sinks(settings, os.environ))
        telemetry.tracer = open_tracer(settings, telemetry, os.environ)
        worker = app.build(settings, telemetry, checkpoint=stop.checkpoint, start=start)
    except supervisor.StoppedError:
        return OK
    code = supervisor.Supervisor(worker, stop, timeouts, time.monotonic).run()
    if worker.pipeline.lingers:
        # A thread that hangs, in TensorFlow perhaps, would block the interpreter's exit too.
        stderr.drain()
        os._exit(code)
    return code


def open_sinks(settings: Settings, environment: Mapping[str, str]) -> list[Sink]:
    """Open what metrics go to besides the log: CloudWatch, Prometheus, both or neither.

    Raises ConfigurationError if Prometheus's port is taken or stdout is closed.
    """
    sinks: list[Sink] = []
    if settings.metrics == "emf" or (settings.metrics == "auto" and IN_ECS in environment):
        emf = EmbeddedMetrics(
            open_stdout(),
            namespace=settings.metrics_namespace,
            service=settings.service,
            interval=settings.metrics_interval,
            clock=time.monotonic,
            now=time.time,
            has_door=settings.door_port > 0,
        )
        sinks.append(emf)
    if settings.metrics_port or settings.door_port:  # the door has a page of metrics of its own
        from worker.telemetry.prometheus import PrometheusMetrics  # noqa: PLC0415 - slow, and seldom used

        sinks.append(PrometheusMetrics(settings.metrics_port))
    return sinks


def open_tracer(settings: Settings, telemetry: Telemetry, environment: Mapping[str, str]) -> Tracer | None:
    """Open what spans go to, if OpenTelemetry's variable names it.

    Raises ConfigurationError without the extra `otel`, or for another protocol than it speaks.
    """
    if not environment.get(OTLP):
        return None
    protocol = environment.get(OTLP_PROTOCOL) or "http/protobuf"
    if protocol != "http/protobuf":
        raise ConfigurationError(f"{OTLP_PROTOCOL} is {protocol}: spans are sent as http/protobuf only")
    try:
        from worker.telemetry.spans import Spans  # noqa: PLC0415 - an extra, and seldom used
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"{OTLP} is set, but the extra otel is not installed: pip install 'photo-score-worker[otel]' ({error})"
        ) from None
    return Spans(settings.service, telemetry.warn)
