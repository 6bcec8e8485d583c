"""Plants the faults of by_hand.toml one by one in a copy of the project, and runs their tests there."""

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from localstack.services import Services
from tests.support import ROOT

FAULTS = Path(__file__).with_suffix(".toml")
LONGEST = 300  # seconds of one fault's tests; a fault that makes them hang is found


class PlantingError(Exception):
    """Raised when a fault does not fit the code, or its tests fail without it."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A text of a file and what replaces it, and the tests that must notice."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def planted(self, source: str) -> str:
        """Replace the text. Raises PlantingError unless it is there exactly once."""
        if source.count(self.old) != 1:
            raise PlantingError(f"{self.name}: its text is {source.count(self.old)} times in {self.file}")
        return source.replace(self.old, self.new)


def faults(named: str = "") -> list[Fault]:
    """Read those whose names contain this."""
    content = tomllib.loads(FAULTS.read_text(encoding="utf-8"))
    tests = {file: tuple(paths) for file, paths in content["tests"].items()}
    return [
        Fault(name, fields["file"], fields["old"], fields["new"], tests[fields["file"]])
        for name, fields in content["faults"].items()
        if named in name
    ]


def results(chosen: list[Fault], folder: Path) -> Iterator[tuple[Fault, bool]]:
    """Run the tests of each fault; whether they noticed it. Raises PlantingError."""
    copy = folder / "copy"
    _copy_project(copy)
    (folder / "services").mkdir()
    with Services(folder / "services") as services:
        environment = {**os.environ, "RUNNING_SERVICES": f"{services.gateway_port} {services.redis_port}"}
        if _fails(tuple(dict.fromkeys(test for fault in chosen for test in fault.tests)), copy, environment):
            raise PlantingError("the tests fail without any fault")
        for fault in chosen:
            path = copy / fault.file
            source = path.read_text(encoding="utf-8")
            path.write_text(fault.planted(source), encoding="utf-8")
            yield fault, _fails(fault.tests, copy, environment)
            path.write_text(source, encoding="utf-8")


def _copy_project(to: Path) -> None:
    """Copy what git knows, or would: no virtual environments, no models."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name)
    built = Path("models", "reference", "built")
    (to / built).symlink_to(ROOT / built)


def _fails(tests: tuple[str, ...], copy: Path, environment: dict[str, str]) -> bool:
    options = ["-q", "-x", "-p", "no:cacheprovider", "--hypothesis-profile=mutants"]
    command = [sys.executable, "-m", "pytest", *options, *tests]
    try:
        run = subprocess.run(
            command, cwd=copy, env=environment, check=False, capture_output=True, timeout=LONGEST
        )
    except subprocess.TimeoutExpired:
        return True
    if run.returncode not in {0, 1}:
        raise PlantingError(run.stdout.decode()[-2000:])
    return run.returncode == 1
