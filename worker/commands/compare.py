"""compare: compare another service's results with this one's, by score."""

import argparse

from rich.console import Console
from rich.table import Table

from worker.commands import FAILED, OK
from worker.commands.terminal import console, plain
from worker.connections import result_store
from worker.errors import ConfigurationError
from worker.results.redis_keys import Keys
from worker.settings import load
from worker.upkeep import comparison
from worker.upkeep.comparison import Comparison

SCORES = (1, 2, 3, 4, 5, None)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    key_help = "the other service's key in the same Redis, such as old:{image_id}"
    parser.add_argument("other_key", metavar="KEY", help=key_help)
    score_help = "dotted path of the score in its JSON (default score)"
    parser.add_argument("--score", default="score", metavar="PATH", help=score_help)


def run(options: argparse.Namespace) -> int:
    settings = load(needs=["redis_url"])
    try:
        other = Keys(options.other_key)
    except ValueError as error:
        raise ConfigurationError(f"the key template {options.other_key!r} {error}") from None
    if other.names_owner is not Keys(settings.result_key).names_owner:
        raise ConfigurationError("either both WORKER_RESULT_KEY and KEY name an {owner}, or none of them")
    found = comparison.compare(result_store(settings).scan(other), options.score)
    if not found.compared:
        print(f"0 photos compared: {_why_none(found, options)}")
        return FAILED
    show(found, console())
    return OK


def _why_none(found: Comparison, options: argparse.Namespace) -> str:
    if found.unreadable:
        return f"nothing that both have has a score at {options.score} ({found.unreadable} looked at)"
    if found.missing:
        return f"only the other has results, {found.missing} of them"
    return f"no key in this Redis is like {options.other_key}"


def show(found: Comparison, out: Console) -> None:
    """Print a comparison as a table: rows are the other service's scores, columns are ours."""
    same, near = found.share_within(0), found.share_within(1)
    out.print(f"{found.compared} photos compared: {same:.1%} the same score, {near:.1%} within one")
    if found.missing or found.unreadable:
        out.print(f"{found.missing} only the other has, {found.unreadable} cannot be read")
    table = Table(title="other ↓  this one →")
    for score in ("", *SCORES):
        table.add_column(_word(score), justify="right")
    for theirs in SCORES:
        counts = [found.pairs[theirs, ours] for ours in SCORES]
        table.add_row(_word(theirs), *(str(count or "·") for count in counts))
    out.print(table)
    if found.furthest:
        out.print("furthest apart, other → this one:")
    for one in found.furthest:
        out.print(plain(f"  {_word(one.theirs)} → {_word(one.ours)}  {one.image_id}"))


def _word(score: int | str | None) -> str:
    return "–" if score is None else str(score)
