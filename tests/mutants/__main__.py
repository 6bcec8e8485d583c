"""`make mutants`: plants faults, by a tool and by hand, and says how many of them the tests notice.

mutmut changes the modules that pyproject.toml lists, a token at a time; by_hand.toml has faults that
no tool would think of, and those of the Lua scripts. survivors.toml explains those that live on. The
exit code is 1 if too many of a module do, one without an explanation, or an explanation has none.
"""

import worker.interrupts  # noqa: F401 - before all else

# isort: split
import argparse
import fnmatch
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tests.mutants import by_hand
from tests.support import ROOT

ENOUGH = 0.9  # of a module's mutants must be killed
MUTMUT = Path(sys.executable).with_name("mutmut")
SURVIVORS = Path(__file__).with_name("survivors.toml")
ALIVE = {"survived", "no tests"}
KILLED = {"killed", "timeout", "suspicious", "caught by type check"}


def main() -> int:
    """Plant, print the tables and return the exit code."""
    options = _options()
    console = Console()
    ended_well = True
    if options.part != "hand":
        ended_well = _by_tool(console, options.module, options.children)
    if options.part != "tool":
        ended_well = _by_hand(console, options.module) and ended_well
    return 0 if ended_well else 1


def _by_tool(console: Console, module: str, children: int) -> bool:
    """Run mutmut anew: it would not notice that tests have changed."""
    shutil.rmtree(ROOT / "mutants", ignore_errors=True)
    pattern = f"worker.{module.removeprefix('worker.')}*"
    _mutmut("run", "--max-children", str(children), pattern, shows=True)
    states = [
        line.strip().split(": ") for line in _mutmut("results", "--all", "true").splitlines() if ": " in line
    ]
    found = [(name, state) for name, state in states if fnmatch.fnmatch(name, pattern)]
    counts = Counter((_module(name), state in KILLED) for name, state in found if state in KILLED | ALIVE)
    alive = [name for name, state in found if state in ALIVE]
    are_explained = _are_explained(console, alive, {module for module, _ in counts})
    return _show(console, counts) and are_explained


def _by_hand(console: Console, named: str) -> bool:
    counts = Counter[tuple[str, bool]]()
    with tempfile.TemporaryDirectory() as folder:
        for fault, is_found in by_hand.results(by_hand.faults(named), Path(folder)):
            counts[Path(fault.file).name, is_found] += 1
            if not is_found:
                console.print(f"[red]alive[/] {fault.name}", highlight=False)
    return _show(console, counts) and not any(
        count for (_, is_found), count in counts.items() if not is_found
    )


def _are_explained(console: Console, alive: Iterable[str], modules: set[str]) -> bool:
    """Print the mutants whose changed line is not in survivors.toml, and the lines there that no mutant has."""
    explained = tomllib.loads(SURVIVORS.read_text(encoding="utf-8"))["survivor"]
    known = {(one["module"], one["line"]) for one in explained if one["module"] in modules}
    unknown, left = 0, set(known)
    for name in alive:
        lines = _mutmut("show", name).splitlines()
        change = [line for line in lines if line[:1] in "+-" and line[:3] not in {"+++", "---"}]
        planted = {(_module(name), line[1:].strip()) for line in change if line.startswith("+")}
        left -= planted
        if planted.isdisjoint(known):
            unknown += 1
            console.print(f"[red]alive[/] {name}", escape("\n".join(change)), "", sep="\n", highlight=False)
    for of_module, line in sorted(left):
        console.print(f"[red]explained, but not alive[/] {of_module}: {escape(line)}", highlight=False)
    return not unknown and not left


def _show(console: Console, counts: Counter[tuple[str, bool]]) -> bool:
    """Print a table. Returns whether enough of each module were killed."""
    table, enough = Table("module", "planted", "killed", "alive"), True
    for module in sorted({module for module, _ in counts}):
        killed, alive = counts[module, True], counts[module, False]
        table.add_row(module, str(killed + alive), str(killed), str(alive))
        enough = enough and killed >= ENOUGH * (killed + alive)
    killed, planted = sum(count for (_, is_killed), count in counts.items() if is_killed), counts.total()
    console.print(table)
    console.print(f"{killed} of {planted} killed: {killed / max(1, planted):.1%}")
    return enough


def _module(mutant: str) -> str:
    """worker.intake.leases.xǁLeasesǁdue__mutmut_4 → intake.leases"""
    return mutant.rpartition(".")[0].removeprefix("worker.")


def _mutmut(*arguments: str, shows: bool = False) -> str:
    output = None if shows else subprocess.PIPE
    return subprocess.run([MUTMUT, *arguments], cwd=ROOT, check=True, stdout=output, text=True).stdout or ""


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("--module", default="", help="only this one, such as intake.leases or rules.lua")
    parser.add_argument("--part", choices=["tool", "hand"], help="only mutmut, or only by hand")
    parser.add_argument("--children", type=int, default=2, help="mutants tried at a time")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
