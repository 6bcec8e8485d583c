"""Shows results as a table for people."""

from collections.abc import Mapping, Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from worker.commands.terminal import plain
from worker.result import Result

HASH = 25  # columns: a hash, and one more that rich takes for the padding


def results_table(results: Sequence[tuple[str, Result]], title: str = "") -> Table:
    """Build a table with a row for each photo. `results` are pairs of file name and result.

    It fits into 80 columns. In fewer, the steps' times are cut before the score is.
    """
    names = {result.image_id: name for name, result in results}
    table = Table(title=title, box=box.HORIZONTALS, show_lines=True, padding=(0, 1), collapse_padding=True)
    table.add_column("photo\nhash\nduplicate of", width=HASH)
    table.add_column("score\nway in", no_wrap=True)
    table.add_column("tip\nbest labels", max_width=60)
    table.add_column("milliseconds\nby step")
    for name, result in results:
        photo = plain(name, *_photo(result, names))
        photo.stylize("bold", 0, photo.plain.find("\n"))
        table.add_row(photo, _score(result), plain(*_text(result)), _timings(result.timings_ms))
    return table


def _photo(result: Result, names: Mapping[str, str]) -> list[str]:
    """The hash of a photo, and what it duplicates: one of the others, or its image id."""
    lines = [result.image_hash or ""]
    if duplicate := result.duplicate_of:
        sign = "=" if duplicate.kind == "exact" else "≈"
        lines.append(f"{sign} {names.get(duplicate.image_id, duplicate.image_id)}")
    return lines


def _score(result: Result) -> str:
    if result.score is not None:
        return f"{'★' * result.score}{'☆' * (5 - result.score)}\n{result.score_mean:.2f}\n{result.source.via}"
    return f"{result.status}\n{result.source.via}"


def _text(result: Result) -> list[str]:
    """The tip and what was seen; or what is wrong with the photo."""
    if result.error:
        return [result.error.code, result.error.message]
    return [result.tip.text if result.tip else "", *_labels(result)]


def _labels(result: Result) -> list[str]:
    labels = next(iter(result.inference.values())).labels if result.inference else None
    return [f"{label.probability:4.0%} {label.name}" for label in (labels or [])[:3]]


def _timings(timings: Mapping[str, float]) -> Text:
    lines = "\n".join(f"{step:<10} {ms:6.1f}" for step, ms in timings.items())
    return Text(lines, no_wrap=True, overflow="ellipsis")
