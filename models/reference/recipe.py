"""What the recipe consists of, as one hash: whether a built bundle is still up to date."""

import hashlib
from pathlib import Path

from models.reference.inputs import HERE

STAMP = "recipe.sha256"  # lies inside the bundle, so that it appears and disappears with it
_PATTERNS = ("*.py", "*.csv", "*.toml", "inputs.txt")


def digest(folder: Path = HERE) -> str:
    """Return a SHA-256 over names and contents of every file of the recipe, its pinned inputs included."""
    total = hashlib.sha256()
    for path in sorted(path for pattern in _PATTERNS for path in folder.glob(pattern)):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        total.update(f"{path.name} {content}\n".encode())
    return total.hexdigest()


def is_current(bundle: Path) -> bool:
    """Tell whether this bundle was built from the recipe as it is now."""
    stamp = bundle / STAMP
    return stamp.is_file() and stamp.read_text() == digest()


def stamp(bundle: Path) -> None:
    """Mark a bundle as built from the recipe as it is now."""
    (bundle / STAMP).write_text(digest())
