"""compare: hold results of another service against these, by their scores."""

import argparse
import os
import sys

from rich.console import Console

from worker import settings
from worker.commands.exit_codes import FAILED, OK
from worker.errors import ConfigurationError, StoreError
from worker.results.redis_keys import Keys

NAME, HELP = "compare", "hold results of another service against these, by their scores"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what can follow the command."""
    parser.add_argument(
        "other_key", metavar="KEY", help="where they are in the same Redis, such as old:{image_id}"
    )
    parser.add_argument(
        "--score", default="score", metavar="PATH", help="of the score in their JSON, dotted (default score)"
    )


def run(options: argparse.Namespace) -> int:
    """Run it; its exit code. Raises ConfigurationError."""
    wanted = settings.load(os.environ)
    try:
        other = Keys(options.other_key)
    except ValueError as error:
        raise ConfigurationError(f"the key template {options.other_key!r} {error}") from None
    from worker.commands import comparison_table  # noqa: PLC0415 - the other commands need none of it
    from worker.connections import result_store  # noqa: PLC0415 - the other commands need no Redis client
    from worker.upkeep import comparison  # noqa: PLC0415 - the other commands need none of it

    try:
        found = comparison.compare(result_store(wanted).texts(other), options.score)
    except StoreError as error:
        sys.stderr.write(f"worker compare: {error}\n")
        return FAILED
    comparison_table.show(found, Console())
    return OK if found.compared else FAILED
