"""The Dockerfile: its stages get the files that they need. Read, not built."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from deploy.image.build import TARGETS
from deploy.image.engine import ROOT

RECIPE = (ROOT / "Dockerfile").read_text().replace("\\\n", "")
SENT = (ROOT / ".dockerignore").read_text().splitlines()


def stage(name: str) -> str:
    """The text of a stage."""
    [text] = re.findall(rf"^FROM \S+ AS {name}\n(.*?)(?=^FROM )", RECIPE, re.MULTILINE | re.DOTALL)
    return str(text)


def imports(path: Path) -> Iterator[str]:
    """Dotted names that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def loaded(name: str) -> Iterator[Path]:
    """Our files that an import of this dotted name runs."""
    parts = name.split(".")
    for depth in range(1, len(parts) + 1):
        path = ROOT.joinpath(*parts[:depth])
        yield from (one for one in (path / "__init__.py", path.with_suffix(".py")) if one.is_file())


def all_loaded(begun: list[Path]) -> set[Path]:
    """These files, and all of ours that they import."""
    found, left = set(begun), list(begun)
    while left:
        new = {path for name in imports(left.pop()) for path in loaded(name)} - found
        found |= new
        left += new
    return found


def test_the_model_is_built_from_copies_of_all_that_its_recipe_imports() -> None:
    copied = [
        ROOT / source
        for line in stage("model").splitlines()
        if line.startswith("COPY ")
        for source in line.split()[1:-1]
    ]
    needed = all_loaded(sorted((ROOT / "models" / "reference").glob("*.py")))
    missing = [path for path in needed if not any(path.is_relative_to(one) for one in copied)]
    assert len(needed) > 20
    assert not missing, "the image's stage `model` cannot import them"


def test_every_image_carries_its_model_with_the_translation() -> None:
    assert "translate-model models/reference/built/reference" in stage("translation")
    assert "COPY --from=translation /app/models/reference/built" in stage("app")
    for target in TARGETS:
        assert "COPY --from=app /app /app" in stage(target)


def test_each_target_is_installed_from_its_lock_which_the_builder_gets() -> None:
    for target in TARGETS:
        lock = f"deploy/locks/{target.removeprefix('cpu-')}.txt"
        assert f"COPY {lock} " in RECIPE
        assert f"!{lock}" in SENT
