"""The runbook's table of log events has every event that worker/ logs, and no other."""

import ast
import re
from collections.abc import Iterator
from typing import get_args

from tests.support import ROOT
from worker.result import Result

LOGGING = {"event", "warn", "_warn", "warning", "fail", "debug"}
FILES = {
    path.relative_to(ROOT).as_posix(): ast.parse(path.read_text()) for path in ROOT.glob("worker/**/*.py")
}
STATUSES = set(get_args(Result.model_fields["status"].annotation))  # each is the event of a photo's line


def texts(code: ast.AST) -> set[str]:
    """The texts in a piece of code: two in `"protected" if … else "unprotected"`."""
    constants = {node.value for node in ast.walk(code) if isinstance(node, ast.Constant)}
    return {value for value in constants if isinstance(value, str)}


def first_arguments(file: ast.AST, methods: set[str]) -> Iterator[ast.expr]:
    """What calls of these methods begin with."""
    for node in ast.walk(file):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
            continue
        if node.func.attr in methods:
            yield node.args[0]


def last_set(file: ast.AST, variable: ast.Name) -> set[str]:
    """The text that a variable was last set to, above the line that uses it."""
    above = [
        (node.lineno, texts(node.value))
        for node in ast.walk(file)
        if isinstance(node, ast.Assign)
        and ast.unparse(node.targets[0]) == variable.id
        and isinstance(node.value, ast.Constant)
        and node.lineno < variable.lineno
    ]
    return max(above)[1] if above else set()


def events() -> dict[str, str]:
    """What worker/ logs, and a file that does."""
    tried = {
        verb
        for file in FILES.values()
        for call in first_arguments(file, {"carry_out"})
        for verb in texts(call)
    }
    found = dict.fromkeys(STATUSES, "worker/result.py")
    for path, file in FILES.items():
        for name in first_arguments(file, LOGGING):
            if isinstance(name, ast.JoinedStr):  # what was tried, and how it ended: `delete_failed`
                names = {verb + end for verb in tried for end in texts(name)}
            else:
                names = last_set(file, name) if isinstance(name, ast.Name) else texts(name)
            found |= dict.fromkeys(names, path)
    rules = "worker/intake/queue_rules.py"  # yields what worker/connections.py logs
    yields = [node.value for node in ast.walk(FILES[rules]) if isinstance(node, ast.Yield)]
    return found | {
        name: rules for one in yields if isinstance(one, ast.Tuple) for name in texts(one.elts[0])
    }


def test_the_table_has_what_is_logged_and_nothing_else() -> None:
    runbook = (ROOT / "docs" / "operations.md").read_text()
    table = runbook.partition("| event | what it means | what to do |\n")[2].partition("\n\n")[0]
    rows = [row.split("|")[1] for row in table.splitlines()[1:]]
    documented = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    logged = events()
    assert len(documented) > 50
    assert not {name: path for name, path in logged.items() if name not in documented}, "say what it means"
    assert not documented - set(logged), "nothing logs these"
