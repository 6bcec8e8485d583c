"""Lists dead letters and what is wrong with each, without changing the queue."""

import re
import time
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

from worker.adapters.aws import s3
from worker.adapters.aws.dead_letters import VISIBILITY_TIMEOUT, DeadLetterQueue
from worker.commands import dead_letter_report as report
from worker.commands.terminal import console
from worker.connections import result_store
from worker.decoders.decoder import Decoder
from worker.errors import ConfigurationError, QueueError
from worker.results.store import ResultStore
from worker.settings import Settings
from worker.settings.capacity import make_decoder
from worker.telemetry import progress
from worker.telemetry.counters import Telemetry
from worker.upkeep.dead_letters import TARGET, Examiner, Finding, Letter

READERS = 8  # photos fetched at a time; a worker's setting bounds how many of them are decoded at a time


def show(
    queue: DeadLetterQueue, settings: Settings, telemetry: Telemetry, *, limit: int, as_json: bool
) -> None:
    """Print up to `limit` letters with their findings. Raises QueueError.

    Letters are hidden only while they are received. Photos are fetched and decoded after that, so
    whatever happens then leaves all letters where they were.
    """
    letters = read(queue, limit)
    found = list[tuple[Letter, list[Finding]]]()
    with (
        closing(examine(letters, settings, telemetry)) as examined,
        progress.show("dead-letters", len(letters), telemetry=telemetry, clock=time.monotonic) as tell,
    ):
        for letter, findings in examined:
            found.append((letter, findings))
            if as_json:
                print(report.line(letter, findings), flush=True)
            tell(len(found))
    if found and not as_json:
        console().print(report.letters(found), "", report.summary(found), sep="\n")
    report.say(f"{len(found)} of about {max(len(found), queue.count())} dead letters of {queue.name}")


def read(queue: DeadLetterQueue, limit: int, wanted: str = "") -> list[Letter]:
    """Receive letters as `hiding` does, and make all of them visible again. Raises QueueError."""
    with hiding(queue, limit, wanted) as letters:
        return list(letters.values())


@contextmanager
def hiding(queue: DeadLetterQueue, limit: int, wanted: str = "") -> Iterator[dict[str, Letter]]:
    """Receive up to `limit` letters, or until the `wanted` one is there; others do not see them meanwhile.

    At the end those that are still in the dict become visible again, also after an error. Their receive
    counts rise by one, which means nothing in a dead-letter queue: it has no redrive policy. Raises QueueError.
    """
    letters = dict[str, Letter]()
    try:
        new = True
        while new and wanted not in letters and len(letters) < limit:
            received = {letter.message_id: letter for letter in queue.receive(limit - len(letters))}
            # Nothing new: none are left, or those that were hidden first are visible again.
            new = bool(received.keys() - letters.keys())
            letters |= received
        yield letters
    finally:
        hidden = _release(queue, list(letters.values()))
        if hidden:
            report.say(
                f"SQS did not release {hidden} letters; they stay hidden for up to {VISIBILITY_TIMEOUT} s"
            )


def _release(queue: DeadLetterQueue, letters: list[Letter]) -> int:
    """Make letters visible again and return how many are still hidden."""
    try:
        return queue.release(letters)
    except QueueError:
        return len(letters)


def examine(
    letters: list[Letter], settings: Settings, telemetry: Telemetry
) -> Generator[tuple[Letter, list[Finding]]]:
    """Try each letter again, and find what is wrong with it."""
    with closing(make_decoder(settings, TARGET, telemetry)) as decoder:
        examiner, pool = _examiner(settings, decoder), ThreadPoolExecutor(READERS)
        try:
            yield from zip(letters, pool.map(examiner.examine, letters), strict=True)
        finally:
            pool.shutdown(cancel_futures=True)


def _results(settings: Settings) -> ResultStore | None:
    """Connect to Redis. None if that fails: it may be the very reason for the dead letters."""
    try:
        return result_store(settings)
    except ConfigurationError as error:
        report.say(f"which photos were scored meanwhile is not known: {error}")
        return None


def _examiner(settings: Settings, decoder: Decoder) -> Examiner:
    return Examiner(
        s3.Photos(READERS, time.monotonic),
        _results(settings),
        buckets=frozenset(settings.buckets),
        image_id_pattern=re.compile(settings.image_id_pattern),
        decoder=decoder,
    )
