"""Shows results as a table for people."""

from collections.abc import Mapping, Sequence

from rich import box
from rich.table import Table

from worker.commands.terminal import plain
from worker.result import Result


def results_table(results: Sequence[tuple[str, Result]], title: str = "") -> Table:
    """Build a table with a row for each photo, 80 columns wide. `results` are pairs of file name and result."""
    names = {result.image_id: name for name, result in results}
    table = Table(title=title, box=box.HORIZONTALS, show_lines=True, padding=(0, 1))
    table.add_column("photo\nhash\nduplicate of", no_wrap=True)
    table.add_column("score\nway in", no_wrap=True)
    table.add_column("tip\nbest labels", min_width=22, max_width=60)
    table.add_column("milliseconds\nby step", no_wrap=True)
    for name, result in results:
        photo = plain(name, *_photo(result, names))
        photo.stylize("bold", 0, photo.plain.find("\n"))
        text = plain(result.tip.text if result.tip else "", *_labels(result))
        table.add_row(photo, _score(result), text, _timings(result.timings_ms))
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
    return f"{result.status}\n{result.error.code if result.error else result.source.via}"


def _labels(result: Result) -> list[str]:
    labels = next(iter(result.inference.values())).labels if result.inference else None
    return [f"{label.probability:4.0%} {label.name}" for label in (labels or [])[:3]]


def _timings(timings: Mapping[str, float]) -> str:
    return "\n".join(f"{step:<10} {ms:6.1f}" for step, ms in timings.items())
