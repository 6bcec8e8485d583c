"""dead-letters: list dead letters with what is wrong with each, move them back, stop a move, or delete one."""

import argparse
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from typing import Any

from worker.adapters.aws.dead_letters import DeadLetterQueue
from worker.commands import FAILED, OK, dead_letter_delete, dead_letter_list
from worker.commands import dead_letter_report as report
from worker.settings import load
from worker.telemetry import progress
from worker.telemetry.counters import Telemetry
from worker.telemetry.log import set_up_logs
from worker.upkeep import redrive

LIMIT, LIMIT_MAX = 100, 10_000  # letters to read
DESCRIPTION = """\
Lists the queue's dead letters. It tries to read each letter and its photo again, to find what is
wrong with it. Nothing is consumed or changed; only each letter's receive count rises by one, which
means nothing in a dead-letter queue. Photos are read with the rights of whoever runs this, not with
those of the workers."""
RIGHTS = """\
rights:
  list     on the queue: sqs:GetQueueAttributes
           on the dead-letter queue: sqs:GetQueueAttributes sqs:ReceiveMessage sqs:ChangeMessageVisibility
           on the photos' bucket: s3:ListBucket s3:GetObject s3:GetObjectVersion
  redrive  on the queue: sqs:GetQueueAttributes sqs:SendMessage
           on the dead-letter queue: sqs:GetQueueAttributes sqs:ListMessageMoveTasks
             sqs:StartMessageMoveTask sqs:ReceiveMessage sqs:DeleteMessage
  cancel   on the queue: sqs:GetQueueAttributes
           on the dead-letter queue: sqs:ListMessageMoveTasks sqs:CancelMessageMoveTask
  delete   on the queue: sqs:GetQueueAttributes
           on the dead-letter queue: sqs:ReceiveMessage sqs:ChangeMessageVisibility sqs:DeleteMessage
where something is encrypted with a key of your own: kms:Decrypt, and kms:GenerateDataKey to redrive"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = DESCRIPTION, RIGHTS
    parser.set_defaults(action="list")
    limit_help = f"most letters to read, 1 … {LIMIT_MAX} (default {LIMIT})"
    parser.add_argument("--limit", type=_within(1, LIMIT_MAX), default=LIMIT, help=limit_help)
    parser.add_argument("--json", action="store_true", help="a JSON object a line instead of a table")
    actions = parser.add_subparsers(title="commands", metavar="COMMAND")

    about = "Lets SQS move all letters back to the queues they came from. SQS goes on without this command."
    back = _add(
        actions, "redrive", "move all letters back to their queues", about, "redrive --rate 100 --wait"
    )
    slowest, fastest = redrive.RATES[0], redrive.RATES[-1]
    rate_help = f"letters a second, {slowest} … {fastest} (default {redrive.RATE})"
    back.add_argument("--rate", type=_within(slowest, fastest), default=redrive.RATE, help=rate_help)
    wait_help = "show the progress until the move has ended (default: on a terminal)"
    back.add_argument("--wait", action=argparse.BooleanOptionalAction, help=wait_help)

    about = "Deletes a letter that nobody needs. It cannot be brought back. Its photo stays where it is."
    away = _add(actions, "delete", "delete a letter", about, "delete 5f0c2b1e-8d3a-4c47-9e65-0d1f2a3b4c5d")
    away.add_argument("message_id", metavar="MESSAGE_ID")
    away.add_argument("--yes", action="store_true", help="do not ask")

    about = (
        "Stops the move that redrive has started. Letters that were moved stay moved, the others stay here."
    )
    _add(actions, "cancel", "stop the move; what was moved stays moved", about, "cancel")


def _add(actions: Any, name: str, about: str, description: str, example: str) -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    epilog = f"example:\n  python -m worker dead-letters {example}"
    parser: argparse.ArgumentParser = actions.add_parser(
        name, help=about, description=textwrap.fill(description, 80), epilog=epilog, formatter_class=raw
    )
    parser.set_defaults(action=name)
    return parser


def run(options: argparse.Namespace) -> int:
    settings, telemetry = load(needs=["queue_url", "buckets"]), Telemetry()
    set_up_logs(settings.log_format, settings.log_level)
    queue = DeadLetterQueue.of(settings.queue_url)
    if options.action == "list":
        dead_letter_list.show(queue, settings, telemetry, limit=options.limit, as_json=options.json)
        return OK
    if options.action == "cancel":
        return _cancel(queue)
    if options.action == "delete":
        return dead_letter_delete.delete(
            queue, options.message_id, settings, telemetry, most=LIMIT_MAX, is_sure=options.yes
        )
    wait = sys.stderr.isatty() if options.wait is None else options.wait
    return _redrive(queue, telemetry, options.rate, wait)


def _redrive(queue: DeadLetterQueue, telemetry: Telemetry, rate: int, wait: bool) -> int:
    expected = queue.count()
    redrive.start(queue, rate)
    report.say(_expectation(expected, queue.name, rate))
    if not wait:
        report.say("SQS moves them by itself; `dead-letters cancel` stops it")
        return OK
    try:
        with progress.show("redrive", expected, telemetry=telemetry, clock=time.monotonic) as tell:
            move = redrive.watch(queue, lambda move: tell(move.moved), threading.Event().wait)
    except KeyboardInterrupt:
        report.say("the move goes on at SQS; `python -m worker dead-letters cancel` stops it")
        raise
    left = queue.count()
    if move.status == "COMPLETED":
        rest = f"; {left} are here: hidden by somebody who reads them, or newly arrived" if left else ""
        report.say(f"moved {move.moved}{rest}")
        return OK
    why = f": {move.failure}" if move.failure else ""
    report.say(f"the move ended as {move.status}{why}; {move.moved} were moved, about {left} are left")
    return FAILED


def _expectation(letters: int, queue: str, rate: int) -> str:
    if not letters:
        return f"{queue} seems to be empty; should SQS find dead letters there, they go back to their queue"
    noun = "dead letter goes" if letters == 1 else "dead letters go"
    return f"about {letters} {noun} back from {queue} to where they came from, {rate} a second"


def _cancel(queue: DeadLetterQueue) -> int:
    moved = redrive.cancel(queue)
    report.say(
        "no move is running" if moved is None else f"cancelled after {moved} were moved; the others stay"
    )
    return OK


def _within(least: int, most: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of {least} … {most}")
        return int(text)

    return number
