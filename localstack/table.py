"""Results as a table for people."""

from collections.abc import Mapping, Sequence

from rich.table import Table

from worker.result import Result


def results_table(results: Sequence[tuple[str, Result]]) -> Table:
    """One row a photo; `results` pairs each photo's name with what came out of Redis."""
    names = {result.image_id: name for name, result in results}
    table = Table(title="What came out of Redis", show_lines=True, expand=True)
    for heading, ratio in (("photo", 3), ("score", 2), ("tip", 6), ("best labels", 4), ("hash", 3)):
        table.add_column(heading, ratio=ratio, overflow="fold")
    table.add_column("duplicate of", ratio=3, overflow="fold")
    table.add_column("milliseconds by step", ratio=4)
    for name, result in results:
        duplicate = result.duplicate_of
        table.add_row(
            name,
            _score(result),
            result.tip.text if result.tip else "",
            _labels(result),
            (result.image_hash or "").replace(":", ":\n"),
            f"{names.get(duplicate.image_id, duplicate.image_id)} ({duplicate.kind})" if duplicate else "",
            _ledger(result.timings_ms),
        )
    return table


def _score(result: Result) -> str:
    if result.score is not None:
        return f"{'★' * result.score}{'☆' * (5 - result.score)}\n{result.score_mean:.2f}"
    return f"{result.status}\n{result.error.code}" if result.error else result.status


def _labels(result: Result) -> str:
    labels = next(iter(result.inference.values())).labels if result.inference else None
    return "\n".join(f"{label.probability:4.0%} {label.name}" for label in (labels or [])[:3])


def _ledger(timings: Mapping[str, float]) -> str:
    return "\n".join(f"{step:<10} {ms:7.1f}" for step, ms in timings.items())
