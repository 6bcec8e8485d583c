"""The dependency rule of docs/architecture.md, read off the imports."""

import ast
from pathlib import Path

import pytest

WORKER = Path(__file__).parents[2] / "worker"
FILES = sorted(WORKER.rglob("*.py"))
LIBRARIES = {"boto3": "adapters", "botocore": "adapters", "redis": "adapters", "tensorflow": "adapters"}
ROOTS = {
    "app.py",
    "cli.py",
    "client.py",
    "connections.py",
    "engines.py",
    "sinks.py",
    "stores.py",
    "supervisor.py",
    "__main__.py",
}
ALONE = {"threads.py", "batching.py", "queues.py"}  # these know nothing of the job


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(WORKER)))
def test_a_file_imports_only_what_its_layer_may(path: Path) -> None:
    layer, found = path.relative_to(WORKER).parts[0], imports(path)
    used = {name.partition(".")[0] for name in found} & set(LIBRARIES)
    assert not used or layer == "adapters", f"{used} belong into adapters/"
    ours = {name for name in found if name.startswith("worker.")}
    joins = path.name in ROOTS or layer == "commands"
    if not joins and layer != "adapters":
        assert not {n for n in ours if n.startswith("worker.adapters")}, (
            "only app and the like join adapters in"
        )
    if not joins:
        assert not {n for n in ours if n.startswith(("worker.stages", "worker.app"))}, (
            "stages are joined by app"
        )
    if path.name in ALONE:
        assert not {n for n in ours if not n.startswith("worker.pipeline.queues")}, "knows nothing of the job"


def test_every_file_says_its_one_job_in_its_first_line() -> None:
    silent = [path for path in FILES if not ast.get_docstring(ast.parse(path.read_text()))]
    assert not silent
