"""The tree of errors that errors.py draws is the tree of its classes."""

import re

from worker import errors
from worker.errors import MessageError, WorkerError


def drawn() -> dict[str, tuple[str, str]]:
    """Each class of the drawing: its base, and the text beside it."""
    path: list[str] = []
    found: dict[str, tuple[str, str]] = {}
    for branch, name, text in re.findall(
        r"^([ │├└─]*)(\w+Error)\b *(.*)$", errors.__doc__ or "", re.MULTILINE
    ):
        path[len(branch) // 4 :] = [name]
        found[name] = (path[-2] if len(path) > 1 else "", text)
    return found


def subclasses(base: type[WorkerError]) -> list[type[WorkerError]]:
    """All classes of errors.py below a base."""
    ours = [one for one in base.__subclasses__() if one.__module__ == errors.__name__]
    return [one for child in ours for one in (child, *subclasses(child))]


def test_the_drawing_has_every_class_under_its_base() -> None:
    bases = {one.__name__: one.__mro__[1].__name__ for one in subclasses(WorkerError)}
    assert {name: base for name, (base, _) in drawn().items() if base} == bases


def test_the_drawing_names_the_verdict_of_every_branch() -> None:
    for one in MessageError.__subclasses__():
        assert drawn()[one.__name__][1].startswith(f"{one.verdict.name}: "), one
    overridden = {one for one in subclasses(MessageError) if "verdict" in vars(one)}
    assert overridden == set(MessageError.__subclasses__()), "a branch has one verdict"
