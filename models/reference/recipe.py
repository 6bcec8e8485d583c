"""Hashes the files of the recipe, to tell whether a bundle is up to date."""

import hashlib
from pathlib import Path

from models.reference import HERE

STAMP = "recipe.sha256"  # a file in the bundle, so that it comes and goes with it
_PATTERNS = ("*.py", "*.csv", "*.toml", "inputs.txt")


def digest(folder: Path = HERE) -> str:
    """Return a SHA-256 over names and contents of all files of the recipe."""
    total = hashlib.sha256()
    for path in sorted(path for pattern in _PATTERNS for path in folder.glob(pattern)):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        total.update(f"{path.name} {content}\n".encode())
    return total.hexdigest()


def is_current(bundle: Path) -> bool:
    """Whether this bundle was built from the current recipe."""
    stamp = bundle / STAMP
    return stamp.is_file() and stamp.read_text() == digest()


def stamp(bundle: Path) -> None:
    """Mark a bundle as built from the current recipe."""
    (bundle / STAMP).write_text(digest())
