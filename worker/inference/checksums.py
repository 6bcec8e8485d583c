"""SHA256SUMS, the list of a published model's files, in the form of the command sha256sum. It is uploaded last."""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from worker.errors import ConfigurationError

NAME = "SHA256SUMS"
CHUNK = 1024 * 1024  # bytes

_LINE = re.compile(r"([0-9a-f]{64}) [ *](\S.*)")


def of_folder(folder: Path) -> dict[str, str]:
    """Path below the folder → SHA-256 in hex, of every file but the list itself."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / NAME)
    return {path.relative_to(folder).as_posix(): of_file(path) for path in files}


def of_file(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def match(folder: Path, sums: Mapping[str, str]) -> bool:
    """Whether every file of the list is in the folder, as the list says."""
    return all(
        (folder / name).is_file() and of_file(folder / name) == wanted for name, wanted in sums.items()
    )


def written(sums: Mapping[str, str]) -> str:
    """Give the list's text."""
    return "".join(f"{digest}  {name}\n" for name, digest in sums.items())


def read(text: str, source: str) -> dict[str, str]:
    """Read a list. Raises ConfigurationError, naming the `source`, for what is none or leads out of the folder."""
    sums: dict[str, str] = {}
    for line in text.splitlines():
        found = _LINE.fullmatch(line)
        if found is None or not _is_below(found[2]):
            raise ConfigurationError(f"{source} is no list of checksums: {line[:100]!r}")
        sums[PurePosixPath(found[2]).as_posix()] = found[1]  # without `./`, which find puts before names
    if not sums:
        raise ConfigurationError(f"{source} lists no file")
    return sums


def _is_below(name: str) -> bool:
    path = PurePosixPath(name)
    return (
        bool(path.parts)
        and not path.is_absolute()
        and ".." not in path.parts
        and "\\" not in name
        and "\0" not in name
    )
