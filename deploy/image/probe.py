"""Prints facts about the container it runs in, as JSON.

The container's Python reads it on stdin.
"""

import importlib.util
import io
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import botocore.session
import numpy as np
import pillow_heif
from PIL import Image

from worker.photos.hashes import ALGORITHMS

KERNEL = ("/proc", "/sys", "/dev/mqueue")  # virtual file systems of the kernel
TOOLS = ("pip", "pip3", "gcc", "g++", "cc", "ld", "as", "strip", "make", "cmake", "git", "curl", "wget")
MODULES = ("pip", "setuptools", "wheel")
# What slim.sh must leave: AWS's services that are ours, and those that give credentials; formats; hashes.
SERVICES = ("s3", "sqs", "sts", "sso", "sso-oidc", "signin")
FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "HEIF")
HASHES = ("phash", "dhash", "whash")


def main() -> None:
    """Print one JSON object."""
    lines = Path("/proc/1/status").read_text().splitlines()
    status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    folders = [folder for folder, _, _ in os.walk("/") if not folder.startswith(KERNEL)]
    writable = [folder for folder in folders if can_write(folder)]
    facts = {
        "uid": int(status["Uid"].split()[0]),
        "command": Path("/proc/1/cmdline").read_text().split("\0")[:-1],
        "catches": [n for n in (2, 15) if int(status["SigCgt"], 16) >> (n - 1) & 1],
        "capabilities": int(status["CapEff"], 16) | int(status["CapBnd"], 16),
        "read_only": bool(os.statvfs("/").f_flag & os.ST_RDONLY),
        "folders": len(folders),
        "writable": writable,
        "decoders": sum(is_decoder(process) for process in Path("/proc").glob("[0-9]*")),
        "tools": [tool for tool in TOOLS if shutil.which(tool)],
        "modules": [module for module in MODULES if importlib.util.find_spec(module)],
        "missing": [f"{name}: {error}" for name, error in find_missing()],
    }
    print(json.dumps(facts))  # noqa: T201 - its output


def find_missing() -> Iterator[tuple[str, Exception]]:
    """Try what the settings may ask for; yields what does not work, and why."""
    pillow_heif.register_heif_opener()
    blocks = np.random.default_rng(0).integers(0, 255, (8, 8, 3), np.uint8)  # enough in it for a hash
    picture = Image.fromarray(blocks).resize((256, 256))
    tries: dict[str, Callable[[], object]] = {
        **{name: partial(botocore.session.get_session().get_service_model, name) for name in SERVICES},
        **{name: partial(write_and_read, picture, name) for name in FORMATS},
        **{name: partial(ALGORITHMS[name], picture) for name in HASHES},
    }
    for name, attempt in tries.items():
        try:
            attempt()
        except Exception as error:  # noqa: BLE001 - whatever is missing
            yield name, error


def write_and_read(picture: Image.Image, form: str) -> None:
    """Encode a picture, and decode it."""
    file = io.BytesIO()
    picture.save(file, form)
    Image.open(file).load()


def is_decoder(process: Path) -> bool:
    """Whether a process decodes photos, or forks those that do."""
    try:
        return b"worker.decoders.zygote" in (process / "cmdline").read_bytes()
    except OSError:
        return False


def can_write(folder: str) -> bool:
    """Whether a file can be created there; removes it again."""
    path = Path(folder) / ".image-check"
    try:
        path.touch(exist_ok=False)
    except OSError:
        return False
    with suppress(OSError):
        path.unlink()
    return True


main()
