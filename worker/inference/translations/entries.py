"""An entry: a folder of files that were made for one key, with facts about them and their checksums."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from worker.errors import ConfigurationError
from worker.inference.delivery import checksums

ABOUT = "about.json"


class DamagedError(Exception):
    """Raised for an entry that is not as it was made."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A whole entry. Each file is checked when it is asked for: not all are always used."""

    path: Path
    about: Mapping[str, Any]
    sums: Mapping[str, str]

    @property
    def key(self) -> str:
        """What it was made for."""
        return str(self.about.get("key"))

    def file(self, name: str) -> Path:
        """One of its files, intact. Raises DamagedError."""
        path = self.path / name
        try:
            if checksums.hash_file(path) == self.sums.get(name):
                return path
        except OSError as error:
            raise DamagedError(f"{name} cannot be read: {error.strerror}") from None
        raise DamagedError(f"{name} is not as it was made")


def seal(folder: Path, about: Mapping[str, Any]) -> Entry:
    """Make an entry of a folder of files. Its list of checksums comes last."""
    (folder / ABOUT).write_text(json.dumps(about, indent=1, sort_keys=True))
    sums = checksums.hash_folder(folder)
    (folder / checksums.NAME).write_text(checksums.render(sums))
    return Entry(folder, about, sums)


def read(folder: Path, key: Callable[[Mapping[str, Any]], str] | None = None) -> Entry | None:
    """Read an entry; None where there is none. Raises DamagedError.

    `key` gives what it must have been made for, if anything, and may look at the facts for that.
    """
    if not folder.is_dir():
        return None
    try:
        sums = checksums.parse((folder / checksums.NAME).read_text(), checksums.NAME)
        about = json.loads(Entry(folder, {}, sums).file(ABOUT).read_text())
    except OSError as error:
        raise DamagedError(f"{checksums.NAME} cannot be read: {error.strerror}") from None
    except (ConfigurationError, ValueError, RecursionError) as error:
        raise DamagedError(str(error)) from None
    if not isinstance(about, dict):
        raise DamagedError(f"{ABOUT} is not as it was made")
    if missing := [name for name in sums if not (folder / name).is_file()]:
        raise DamagedError(f"{missing[0]} is missing")
    if key and about.get("key") != key(about):
        raise DamagedError("it was made of something else, or by another version of TensorFlow")
    return Entry(folder, about, sums)
