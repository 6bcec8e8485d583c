"""The cores that a process may use: affinity and quotas count, whichever is less."""

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from worker.settings.cores import cores

MINE = len(os.sched_getaffinity(0))


def machine(root: Path, groups: str, **files: str) -> Path:
    """Lay out what Linux shows of control groups: `groups` as /proc has it, and files by their path."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(groups)
    for name, text in files.items():
        file = root / "sys/fs/cgroup" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


def test_without_quota_all_cores_count_that_the_process_may_run_on(tmp_path: Path) -> None:
    assert cores() <= MINE
    assert cores(tmp_path) == MINE  # not even control groups


@pytest.mark.parametrize("share", [0.25, 0.5, 1.0], ids=str)
@pytest.mark.parametrize("version", [1, 2], ids=str)
def test_a_quota_counts_rounded_up(share: float, version: int, tmp_path: Path) -> None:
    quota = int(100_000 * share * MINE)
    if version == 1:
        files = {"cpu/cpu.cfs_quota_us": f"{quota}\n", "cpu/cpu.cfs_period_us": "100000\n"}
        root = machine(tmp_path, "5:memory:/\n4:cpu,cpuacct:/\n1:name=systemd:/\n", **files)
    else:
        root = machine(tmp_path, "0::/\n", **{"cpu.max": f"{quota} 100000\n"})
    assert cores(root) == max(1, math.ceil(share * MINE))


def test_a_quota_above_the_cores_changes_nothing(tmp_path: Path) -> None:
    assert cores(machine(tmp_path, "0::/\n", **{"cpu.max": f"{(MINE + 1) * 100_000} 100000\n"})) == MINE


@pytest.mark.parametrize("groups", ["0::/\n", "4:cpu,cpuacct:/\n"], ids=["2", "1"])
def test_no_quota_is_no_bound(groups: str, tmp_path: Path) -> None:
    files = {"cpu.max": "max 100000\n", "cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}
    assert cores(machine(tmp_path, groups, **files)) == MINE


def test_a_quota_of_an_outer_group_holds_too(tmp_path: Path) -> None:
    files = {"a/b/cpu.max": "max 100000\n", "a/cpu.max": "10000 100000\n"}
    assert cores(machine(tmp_path, "0::/a/b\n", **files)) == 1


def test_a_container_that_sees_only_its_own_group_finds_its_quota(tmp_path: Path) -> None:
    files = {"cpu/cpu.cfs_quota_us": "10000\n", "cpu/cpu.cfs_period_us": "100000\n"}
    assert cores(machine(tmp_path, "4:cpu,cpuacct:/docker/0a1b\n", **files)) == 1


def test_a_process_that_may_run_on_one_core_counts_one() -> None:
    """Ask a process of its own, since affinity is one of a thread."""
    program = f"import os; os.sched_setaffinity(0, {{{min(os.sched_getaffinity(0))}}})\n"
    program += "from worker.settings.cores import cores; print(cores())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"


@pytest.mark.parametrize(
    ("groups", "files"),
    [
        ("\n", {}),
        ("0::\n", {}),
        ("0::/\n", {"cpu.max": "half 100000\n"}),
        ("0::/\n", {"cpu.max": "50000 0\n"}),
    ],
    ids=["blank line", "no path", "no number", "no period"],
)
def test_what_is_written_otherwise_than_known_is_no_bound(
    groups: str, files: dict[str, str], tmp_path: Path
) -> None:
    assert cores(machine(tmp_path, groups, **files)) == MINE
