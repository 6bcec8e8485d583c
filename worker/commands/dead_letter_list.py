"""The command `dead-letters`: lists them with what is wrong with each, moves them back, stops a move."""

import re
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from worker.adapters.aws import s3
from worker.adapters.aws.dead_letters import HIDDEN, DeadLetterQueue
from worker.capacity import decoders
from worker.commands import dead_letter_report as report
from worker.connections import result_store
from worker.errors import ConfigurationError, QueueError
from worker.photos.decoder import Decoder
from worker.settings import Settings
from worker.telemetry import progress
from worker.telemetry.counters import Telemetry
from worker.upkeep import redrive
from worker.upkeep.dead_letters import TARGET, Examiner, Finding, Letter, Results
from worker.upkeep.redrive import Move

OK, FAILED, INTERRUPTED = 0, 1, 130
READERS = 8  # photos fetched at a time; decoded are as many as a worker decodes


def show(
    settings: Settings, telemetry: Telemetry, clock: Callable[[], float], *, limit: int, as_json: bool
) -> int:
    """List up to `limit` letters, each with what came of trying it; the queue stays as it is.

    They are hidden only while they are received: photos are fetched and decoded after that, so even one that ends
    this process leaves all letters where they were. Raises ConfigurationError and QueueError.
    """
    queue = DeadLetterQueue.of(settings.queue_url)
    out = report.console()
    letters = read(queue, limit, _say)
    examiner = _examiner(settings, clock)
    found = list[tuple[Letter, list[Finding]]]()
    with progress.show("dead-letters", len(letters), telemetry=telemetry, clock=clock) as tell:
        for letter, findings in _examined(examiner, letters):
            found.append((letter, findings))
            if as_json:
                sys.stdout.write(report.line(letter, findings) + "\n")
                sys.stdout.flush()
            tell(len(found))
    if not as_json and found:
        out.print(report.letters(found), "", report.summary(found), sep="\n")
    _say(f"{len(found)} of about {max(len(found), queue.count())} dead letters of {queue.name}")
    return OK


def read(queue: DeadLetterQueue, limit: int, say: Callable[[str], None]) -> list[Letter]:
    """Receive up to `limit` letters and show every one again at once, however the receiving ends. Raises QueueError.

    Their receive counts rise by one, which means nothing in a dead-letter queue: it has no redrive policy.
    """
    letters = dict[str, Letter]()
    try:
        while len(letters) < limit:
            new = {letter.message_id: letter for letter in queue.receive(limit - len(letters))}
            if (
                new.keys() <= letters.keys()
            ):  # none are left, or those come round again that were hidden first
                letters |= new
                break
            letters |= new
    finally:
        hidden = _shown(queue, list(letters.values()))
        if hidden:
            say(f"{hidden} letters could not be shown again at once; they show themselves within {HIDDEN} s")
    return list(letters.values())


def move_back(
    settings: Settings, telemetry: Telemetry, clock: Callable[[], float], *, rate: int, wait: bool
) -> int:
    """Let SQS move all letters to where they came from; watch it when wanted. Raises ConfigurationError, QueueError."""
    queue = DeadLetterQueue.of(settings.queue_url)
    expected = queue.count()
    redrive.start(queue, rate)
    _say(f"about {expected} dead letters of {queue.name} go back to their queue, {rate} a second")
    if not wait:
        _say("SQS moves them by itself; `dead-letters cancel` stops it")
        return OK
    with _interruptible(), progress.show("redrive", expected, telemetry=telemetry, clock=clock) as tell:
        ended = redrive.watch(queue, lambda move: tell(move.moved), threading.Event().wait)
    return _told(ended, queue.count())


def cancel(settings: Settings) -> int:
    """Stop the move that is under way. Raises ConfigurationError and QueueError."""
    moved = redrive.cancel(DeadLetterQueue.of(settings.queue_url))
    _say("no move is under way" if moved is None else f"cancelled after {moved} were moved; the others stay")
    return OK


def _examined(examiner: Examiner, letters: list[Letter]) -> Iterator[tuple[Letter, list[Finding]]]:
    pool = ThreadPoolExecutor(READERS)
    try:
        yield from zip(letters, pool.map(examiner.examine, letters), strict=True)
    finally:
        pool.shutdown(cancel_futures=True)


def _shown(queue: DeadLetterQueue, letters: list[Letter]) -> int:
    try:
        return queue.show(letters)
    except QueueError:
        return len(letters)


@contextmanager
def _interruptible() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        _say("the move goes on at SQS; `python -m worker dead-letters cancel` stops it")
        raise


def _told(move: Move, left: int) -> int:
    if move.status == "COMPLETED":
        rest = f"; {left} are here: hidden by somebody who reads them, or newly arrived" if left else ""
        _say(f"moved {move.moved}{rest}")
        return OK
    why = f": {move.failure}" if move.failure else ""
    _say(f"the move ended as {move.status}{why}; {move.moved} were moved, about {left} are left")
    return FAILED


def _photos(clock: Callable[[], float]) -> s3.Photos:
    return s3.Photos(s3.client(READERS), clock, s3.connections(READERS))


def _results(settings: Settings) -> Results | None:
    """Redis may be the very reason why there are dead letters."""
    try:
        return result_store(settings)
    except ConfigurationError as error:
        _say(f"which photos were scored meanwhile is not known: {error}")
        return None


def _examiner(settings: Settings, clock: Callable[[], float]) -> Examiner:
    return Examiner(
        _photos(clock),
        _results(settings),
        buckets=frozenset(settings.buckets),
        image_id_pattern=re.compile(settings.image_id_pattern),
        decoder=Decoder(
            TARGET,
            max_bytes=settings.max_bytes,
            max_pixels=settings.max_pixels,
            at_once=decoders(settings),
        ),
    )


def _say(text: str) -> None:
    sys.stderr.write(f"worker dead-letters: {text}\n")
