"""run: poll the queue until stopped."""

import argparse
import os
import sys
import time

from worker import settings
from worker.commands.exit_codes import OK
from worker.supervision import supervisor
from worker.telemetry.counters import Telemetry
from worker.telemetry.log import set_up_logs

NAME, HELP = "run", "poll the queue until stopped (the default)"


def add_arguments(_parser: argparse.ArgumentParser) -> None:
    """Say what can follow the command."""


def run(_options: argparse.Namespace) -> int:
    """Run it; its exit code. Raises ConfigurationError."""
    wanted = settings.load(os.environ)
    set_up_logs(wanted.log_format, wanted.log_level)
    stop = supervisor.StopFlag()
    stop.install()
    from worker import app  # noqa: PLC0415 - TensorFlow takes seconds; bad settings and a stop must not wait
    from worker.commands import metric_sinks  # noqa: PLC0415 - the same

    patience = supervisor.Patience(
        wanted.drain_deadline, wanted.receive_wait, wanted.stall_after, wanted.give_up_after
    )
    try:
        telemetry = Telemetry(metric_sinks.open_sinks(wanted, os.environ))
        worker = app.build(wanted, telemetry, checkpoint=stop.checkpoint)
    except supervisor.StoppedError:
        return OK
    code = supervisor.Supervisor(worker, stop, patience, time.monotonic).run()
    if worker.pipeline.lingers:  # in TensorFlow perhaps, where it would hang the interpreter's end too
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code
