"""What can be said after `python -m worker dead-letters`, and the rights that it needs."""

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from worker import redrive

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

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # it has no public name


def add_to(commands: "Commands", run: Callable[[argparse.Namespace], int]) -> None:
    """Add the command; `run` finds in `action` whether it is to list, redrive or cancel."""
    letters = commands.add_parser(
        "dead-letters",
        help="list dead letters and what is wrong with each; `redrive` moves them back",
        description=DESCRIPTION,
        epilog=RIGHTS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    letters.add_argument(
        "--limit",
        type=_within(1, MOST),
        default=LIMIT,
        help=f"most letters to read, 1 … {MOST} (default {LIMIT})",
    )
    letters.add_argument("--json", action="store_true", help="a JSON object a line instead of a table")
    letters.set_defaults(command=run, action="list")
    actions = letters.add_subparsers(title="commands", metavar="COMMAND")
    _add_redrive(actions, run)
    cancel = actions.add_parser("cancel", help="stop moving; what was moved stays moved")
    cancel.set_defaults(command=run, action="cancel")


def _add_redrive(actions: "Commands", run: Callable[[argparse.Namespace], int]) -> None:
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
    back.set_defaults(command=run, action="redrive")


def _within(least: int, most: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of {least} … {most}")
        return int(text)

    return number
