"""Reads docs/commands.md: the shell commands in it, and the rights that each command of the worker needs."""

import json
import re
import shlex
from dataclasses import dataclass
from typing import Any

from tests.support import ROOT

PAGE = (ROOT / "docs" / "commands.md").read_text()
COLUMNS = ("queue", "dead", "photos", "model")  # of the table of rights, from its third one on


@dataclass(frozen=True, slots=True)
class RunTask:
    """An `aws ecs run-task` of the page."""

    options: dict[str, str]  # without their dashes
    overrides: dict[str, Any]

    @property
    def command(self) -> list[str]:
        """What the container runs."""
        (container,) = self.overrides["containerOverrides"]
        return list(container["command"])

    @property
    def name(self) -> str:
        """The command, with its own command if it has one: `forget`, `dead-letters redrive`."""
        first, *rest = self.command
        return " ".join([first, *rest[:1]]) if first == "dead-letters" else first


@dataclass(frozen=True, slots=True)
class Rights:
    """What the table says of one command: the role, and actions by what they are for."""

    role: str
    actions: dict[str, frozenset[str]]


def run_tasks() -> list[RunTask]:
    """Read every `task=$(aws ecs run-task …)` as a shell would."""
    blocks = re.findall(r"^```\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return [
        _read(one)
        for block in blocks
        for one in re.findall(r"\$\((aws ecs run-task .*)\)$", block, re.DOTALL)
    ]


def rights() -> dict[str, Rights]:
    """Read the table of rights: command → what it needs."""
    table = PAGE.partition("\n## Rights\n")[2]
    rows = [row.strip("|").split("|") for row in table.splitlines() if row.startswith("| `")]
    return {
        name.strip(" `"): Rights(
            role.strip(" `"),
            {
                what: frozenset(re.findall(r"`(\w+:\w+)`", cell))
                for what, cell in zip(COLUMNS, cells, strict=True)
            },
        )
        for name, role, *cells in rows
    }


def _read(line: str) -> RunTask:
    aws, ecs, run_task, *words = shlex.split(line.replace("\\\n", " "))
    assert (aws, ecs, run_task) == ("aws", "ecs", "run-task")
    assert all(name.startswith("--") for name in words[::2])
    options = {name.removeprefix("--"): value for name, value in zip(words[::2], words[1::2], strict=True)}
    return RunTask(options, json.loads(options["overrides"]))
