"""The dependency rule: one table of rooms, read off the imports; CONTRIBUTING.md explains it."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WORKER = ROOT / "worker"
FILES = sorted(WORKER.rglob("*.py"))

# Packages and top-level modules of worker/, from the ground up: each may import those above it in this table, and
# itself. The stages do not import one another.
ROOMS = (
    "interrupts",
    "errors",
    "result",
    "messages",
    "pipeline",
    "telemetry",
    "photos",
    "decoders",
    "results",
    "settings",
    "intake",
    "inference",
    "supervision",
    "upkeep",
    "door",
    "stages",
    "adapters",
    "connections",
    "assembly",
    "client",
    "app",
    "commands",
    "cli",
    "__main__",
)
ALONE = {"pipeline"}  # imports nothing else of the project: it knows nothing of the job
LIBRARIES = {
    "boto3": "adapters/aws",
    "botocore": "adapters/aws",
    "pycurl": "adapters/aws",
    "redis": "adapters/redis",
    "tensorflow": "adapters/tensorflow",
    "ai_edge_litert": "adapters/litert",
    "openvino": "adapters/openvino",
    "starlette": "door",
    "uvicorn": "door",
    "httptools": "door",
    "python_multipart": "door",
    "opentelemetry": "telemetry",
}


def imports(path: Path) -> set[str]:
    """Dotted names that a file imports, also where only the type checker looks."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def room(path: Path) -> str:
    """The package of worker/ that a file is in, or its own name at the top level."""
    return path.relative_to(WORKER).parts[0].removesuffix(".py")


def test_every_room_is_in_the_table() -> None:
    there = {room(path) for path in FILES} - {"__init__"}
    assert there == set(ROOMS), "add a new package to ROOMS, above all that import it"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(WORKER)))
def test_a_file_imports_only_from_rooms_below_its_own(path: Path) -> None:
    mine = room(path)
    if mine == "__init__":
        return
    below = () if mine in ALONE else ROOMS[: ROOMS.index(mine)]
    theirs = {name: name.split(".")[1] for name in imports(path) if name.startswith("worker.")}
    up = sorted(name for name, other in theirs.items() if other not in {*below, mine})
    assert not up, (
        f"{path.relative_to(ROOT)} imports {', '.join(up)}, and `{mine}` stands below that in the table of this file. "
        "Move what both need further down, or let app.py pass it in as an argument."
    )


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(WORKER)))
def test_only_its_adapter_imports_a_service_or_a_runtime(path: Path) -> None:
    used = {name.partition(".")[0] for name in imports(path)} & set(LIBRARIES)
    homes = {LIBRARIES[name] for name in used}
    assert all(path.relative_to(WORKER).parent.is_relative_to(home) for home in homes), (
        f"{path.relative_to(ROOT)} imports {', '.join(sorted(used))}: write that call in worker/{min(homes)}/, and let "
        "others use it through a Protocol"
    )


def test_the_stages_do_not_import_one_another() -> None:
    stages = list((WORKER / "stages").glob("*.py"))
    assert len(stages) > 3
    for path in stages:
        assert not {name for name in imports(path) if name.startswith("worker.stages")}, (
            f"{path.name}: stages only meet at their queues; app.py joins them"
        )


def test_every_file_says_its_one_job_in_its_first_line() -> None:
    silent = [path for path in FILES if not ast.get_docstring(ast.parse(path.read_text()))]
    assert not silent, "give the file a docstring: its first line is its row in docs/architecture.md"


def test_a_suite_uses_the_helpers_of_its_own_folder_and_of_tests_support() -> None:
    for path in (ROOT / "tests").rglob("*.py"):
        own = path.relative_to(ROOT).parent.as_posix().replace("/", ".")
        ours = {name for name in imports(path) if name.startswith("tests.")}
        foreign = {
            name for name in ours if not name.startswith((f"{own}.", "tests.support")) or ".test_" in name
        }
        assert not foreign, (
            f"{path.relative_to(ROOT)} imports {', '.join(foreign)}: move what both use to tests/support/, or to a "
            "file of this folder that is no test module"
        )
