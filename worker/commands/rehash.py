"""rehash: rebuild what is known of photos from the buckets."""

import argparse
import os
import sys

from worker import settings
from worker.commands.exit_codes import FAILED, INTERRUPTED, OK
from worker.errors import MessageError
from worker.telemetry.counters import Telemetry
from worker.telemetry.log import set_up_logs

NAME, HELP = "rehash", "rebuild what is known of photos from the buckets"


def add_arguments(_parser: argparse.ArgumentParser) -> None:
    """Say what can follow the command."""


def run(_options: argparse.Namespace) -> int:
    """Run it; its exit code. Raises ConfigurationError."""
    wanted = settings.load(os.environ)
    set_up_logs(wanted.log_format, wanted.log_level)
    from worker.commands import rehash_work  # noqa: PLC0415 - the other commands need none of it

    try:
        counts = rehash_work.run(wanted, Telemetry())
    except MessageError as error:
        sys.stderr.write(f"worker rehash: {error}\n")
        return FAILED
    except KeyboardInterrupt:
        sys.stderr.write("worker rehash: stopped; run it again to go on\n")
        return INTERRUPTED
    said = (
        ", ".join(f"{count} {what}" for what, count in sorted(counts.items()) if count) or "no photo to enter"
    )
    sys.stdout.write(f"{said}\n")
    return FAILED if counts["failed"] else OK
