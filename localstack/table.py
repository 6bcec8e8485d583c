"""Results as a table for people."""

from collections.abc import Mapping, Sequence

from rich.table import Table

from worker.result import Result


def results_table(results: Sequence[tuple[str, Result]]) -> Table:
    """One row a photo; `results` pairs each photo's name with what came out of Redis."""
    names = {result.image_id: name for name, result in results}
    table = Table(title="What came out of Redis", show_lines=True)
    table.add_column("photo", overflow="fold")
    table.add_column("score", no_wrap=True)
    table.add_column("tip", min_width=20)
    table.add_column("best labels", min_width=14)
    table.add_column("hash", no_wrap=True)
    table.add_column("duplicate of", overflow="fold")
    table.add_column("milliseconds by step", no_wrap=True)
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
    """Two steps a line, the total on the last."""
    steps = [f"{step} {ms:.1f}" for step, ms in timings.items()]
    return "\n".join(
        "  ".join(f"{step:<16}" for step in steps[at : at + 2]) for at in range(0, len(steps), 2)
    )
