"""Deletes one dead letter, after a question."""

import sys

from rich.console import Console

from worker.adapters.aws.dead_letters import DeadLetterQueue
from worker.commands import FAILED, OK, dead_letter_list
from worker.commands import dead_letter_report as report
from worker.settings import Settings
from worker.telemetry.counters import Telemetry
from worker.upkeep.dead_letters import Letter


def delete(
    queue: DeadLetterQueue,
    message_id: str,
    settings: Settings,
    telemetry: Telemetry,
    *,
    most: int,
    is_sure: bool,
) -> int:
    """Look for a letter among the first `most`, and delete it. Return the exit code. Raises QueueError."""
    if not is_sure:
        letters = {one.message_id: one for one in dead_letter_list.read(queue, most, message_id)}
        if message_id in letters and not _confirm(letters[message_id], settings, telemetry):
            report.say("nothing was deleted")
            return FAILED
    # An answer takes its time, and SQS may take an old receipt handle and delete nothing: so get a new one.
    with dead_letter_list.hiding(queue, most, message_id) as hidden:
        if message_id not in hidden:
            report.say(f"{queue.name} has no letter {message_id} that can be seen now; nothing was deleted")
            return FAILED
        queue.delete(hidden[message_id])
        del hidden[message_id]
    report.say(f"deleted {message_id}")
    return OK


def _confirm(letter: Letter, settings: Settings, telemetry: Telemetry) -> bool:
    """Show a letter and ask on a terminal. Elsewhere nobody answers."""
    if sys.stdin is None or not sys.stdin.isatty():
        report.say("this is no terminal to ask on: say --yes")
        return False
    shown = report.letters(dead_letter_list.examine([letter], settings, telemetry))
    Console(stderr=True, highlight=False).print(shown)
    print("Delete it for good? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in {"y", "yes"}  # empty after Ctrl-D
