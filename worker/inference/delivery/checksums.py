"""SHA256SUMS, the list of a published model's files, in the format of the command sha256sum."""

import hashlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath

from worker.errors import ConfigurationError

NAME = "SHA256SUMS"

_LINE = re.compile(r"([0-9a-f]{64}) [ *](\S.*)")


def hash_folder(folder: Path, without: Callable[[str], bool] = lambda _: False) -> dict[str, str]:
    """Path below the folder → SHA-256 in hex, of every file but the list itself and those `without`."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / NAME)
    names = {path.relative_to(folder).as_posix(): path for path in files}
    return {name: hash_file(path) for name, path in names.items() if not without(name)}


def hash_file(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def match(folder: Path, sums: Mapping[str, str]) -> bool:
    """Whether the folder has every file of the list, with the same checksum."""
    return all(
        (folder / name).is_file() and hash_file(folder / name) == digest for name, digest in sums.items()
    )


def render(sums: Mapping[str, str]) -> str:
    """Text of a list."""
    return "".join(f"{digest}  {name}\n" for name, digest in sums.items())


def parse(text: str, source: str) -> dict[str, str]:
    """Read a list.

    Raises ConfigurationError, naming the `source`, if it is malformed or leads out of the folder.
    """
    sums: dict[str, str] = {}
    for line in text.splitlines():
        found = _LINE.fullmatch(line)
        if found is None or not (found[2].isprintable() and _is_below(found[2])):
            raise ConfigurationError(f"{source} is not a list of checksums: {line[:100]!r}")
        sums[PurePosixPath(found[2]).as_posix()] = found[1]  # removes a leading `./`, as of find
    if not sums:
        raise ConfigurationError(f"{source} lists no file")
    return sums


def _is_below(name: str) -> bool:
    path = PurePosixPath(name)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts and "\\" not in name
