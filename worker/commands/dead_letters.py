"""dead-letters: list them with what is wrong with each, move them back, stop a move."""

import argparse
import os
import sys
import time
from collections.abc import Callable

from worker import settings
from worker.commands.exit_codes import FAILED, INTERRUPTED
from worker.errors import MessageError
from worker.telemetry.counters import Telemetry
from worker.telemetry.log import set_up_logs
from worker.upkeep import redrive

LIMIT, MOST = 100, 10_000  # letters read
DESCRIPTION = """\
Lists what is in the queue's dead-letter queue, and tries to read each letter and its photo again to find what is
wrong with it. Nothing is consumed or changed; only each letter's receive count rises by one, which means nothing in a
dead-letter queue. Photos are read with the rights of whoever runs this, not with those of the workers."""
RIGHTS = """\
rights, beside those to read the photos:
  to list     on the queue: sqs:GetQueueAttributes
              on the dead-letter queue: sqs:ReceiveMessage sqs:ChangeMessageVisibility sqs:GetQueueAttributes
  to redrive  on the dead-letter queue: sqs:StartMessageMoveTask sqs:ListMessageMoveTasks sqs:CancelMessageMoveTask
              sqs:ReceiveMessage sqs:DeleteMessage sqs:GetQueueAttributes; on the queue: sqs:SendMessage too
  where a queue is encrypted with a key of your own: kms:Decrypt, and kms:GenerateDataKey to redrive"""

NAME, HELP = "dead-letters", "list dead letters and what is wrong with each; `redrive` moves them back"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what can follow the command: `redrive` or `cancel`, or else how it is to list."""
    parser.description, parser.epilog = DESCRIPTION, RIGHTS
    parser.add_argument(
        "--limit",
        type=_within(1, MOST),
        default=LIMIT,
        help=f"most letters to read, 1 … {MOST} (default {LIMIT})",
    )
    parser.add_argument("--json", action="store_true", help="a JSON object a line instead of a table")
    parser.set_defaults(action="list")
    actions = parser.add_subparsers(title="commands", metavar="COMMAND")
    _add_redrive(actions)
    cancel = actions.add_parser("cancel", help="stop moving; what was moved stays moved")
    cancel.set_defaults(action="cancel")


def run(options: argparse.Namespace) -> int:
    """Run it; its exit code. Raises ConfigurationError."""
    wanted = settings.load(os.environ)
    set_up_logs(wanted.log_format, wanted.log_level)
    from worker.commands import dead_letter_list as letters  # noqa: PLC0415 - the other commands need no AWS client

    try:
        if options.action == "redrive":
            wait = sys.stderr.isatty() if options.wait is None else options.wait
            return letters.move_back(wanted, Telemetry(), time.monotonic, rate=options.rate, wait=wait)
        if options.action == "cancel":
            return letters.cancel(wanted)
        return letters.show(wanted, Telemetry(), time.monotonic, limit=options.limit, as_json=options.json)
    except MessageError as error:
        sys.stderr.write(f"worker dead-letters: {error}\n")
        return FAILED
    except KeyboardInterrupt:
        sys.stderr.write("worker dead-letters: stopped\n")
        return INTERRUPTED


def _add_redrive(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    back = actions.add_parser(
        "redrive",
        help="move all of them back to the queues they came from",
        description="Lets SQS move all letters back to the queues they came from. It goes on without this command.",
    )
    rates = redrive.RATES
    back.add_argument(
        "--rate",
        type=_within(rates[0], rates[-1]),
        default=redrive.RATE,
        help=f"letters a second, {rates[0]} … {rates[-1]} (default {redrive.RATE})",
    )
    back.add_argument(
        "--wait",
        action=argparse.BooleanOptionalAction,
        help="show how far it is until it has ended (default: on a terminal)",
    )
    back.set_defaults(action="redrive")


def _within(least: int, most: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of {least} … {most}")
        return int(text)

    return number
