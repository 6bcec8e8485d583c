"""Where a child's CPU time goes, by function: py-spy samples it from outside."""

import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bench.processes import ROOT
from localstack.services import die_with_parent

HOW = ("--format=raw", "--function", "--threads", "--rate=200")  # samples a second
SHOWN = 12  # functions
STAGES = re.compile(r"thread \(\S+\): (poll|infer|infer-helper|commit)(?:-\d+)?$")
WAITS = {("Condition.wait", "threading.py")}  # sampled now and then although they use next to no CPU
LAST = re.compile(r"^(?P<function>\S+) \((?P<file>[^()]*?)(?::\d+)?\)$")


def profile(module: str, *arguments: str, within: float) -> dict[str, Any]:
    """Run a module under py-spy; find the functions that use most of its stages' CPU time.

    If one process may not inspect another, `functions` is empty and `reason` says why.
    """
    with tempfile.TemporaryDirectory() as folder:
        stacks = Path(folder) / "stacks"
        spy = [str(Path(sys.executable).parent / "py-spy"), "record", f"--output={stacks}", *HOW, "--"]
        command = die_with_parent([*spy, *die_with_parent([sys.executable, "-m", module, *arguments])])
        try:
            done = subprocess.run(
                command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=within
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return {"functions": [], "reason": str(error)}
        if done.returncode or not stacks.exists():
            return {"functions": [], "reason": (done.stderr.strip().splitlines() or ["no samples"])[-1]}
        return {"functions": by_function(stacks.read_text().splitlines())}


def by_function(stacks: Iterable[str]) -> list[dict[str, Any]]:
    """Count lines `thread;outer (file:line);inner (file:line) COUNT` by stage and last function."""
    counts = Counter[tuple[str, str, str]]()
    for line in stacks:
        frames, _, count = line.rpartition(" ")
        thread, *calls = frames.split(";")
        stage, last = STAGES.match(thread), LAST.match(calls[-1]) if calls else None
        if stage and last and (last["function"], last["file"]) not in WAITS:
            counts[stage[1], last["function"], last["file"]] += int(count)
    total = sum(counts.values())
    return [
        {"stage": stage, "function": function, "file": file, "share": count / total}
        for (stage, function, file), count in counts.most_common(SHOWN)
    ]
