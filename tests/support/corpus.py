"""About a thousand awkward images: those of Pillow's own tests, which pip downloads once.

The archive is that of the installed version, checked against the hashes in deploy/locks/dev.txt.
"""

import re
import subprocess
import sys
import tarfile
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".corpus"
LOCK = ROOT / "deploy" / "locks" / "dev.txt"
INSIDE = "/Tests/images/"
PATIENCE = 300  # seconds for 47 MB


def images() -> list[Path]:
    """Return the files; download them first if needed. Raises subprocess.SubprocessError."""
    name = f"pillow-{version('pillow')}"
    folder = FOLDER / name
    if not folder.is_dir():
        _unpack(_archive(name), folder)
    return sorted(path for path in folder.iterdir() if path.is_file())


def _archive(name: str) -> Path:
    """Download the source distribution; pip runs its set-up code, as for any installation."""
    archive = FOLDER / f"{name}.tar.gz"
    if not archive.exists():
        FOLDER.mkdir(exist_ok=True)
        requirements = FOLDER / "requirements.txt"
        requirements.write_text(_lock_entry())
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-binary", "pillow", "--no-deps"]
        subprocess.run(
            [*command, "--require-hashes", "--dest", str(FOLDER), "-r", str(requirements)],
            check=True,
            timeout=PATIENCE,
            capture_output=True,
        )
    return archive


def _lock_entry() -> str:
    """Pillow's version and hashes, as the lock file has them."""
    found = re.search(r"^pillow==(?:.*\\\n)+.*\n", LOCK.read_text(), re.MULTILINE)
    if found is None:
        raise ValueError(f"{LOCK} does not lock pillow")
    return found[0]


def _unpack(archive: Path, folder: Path) -> None:
    """Unpack the images into one folder, under plain names."""
    partial = folder.with_suffix(".partial")
    partial.mkdir(exist_ok=True)
    with tarfile.open(archive) as contents:
        for number, member in enumerate(m for m in contents if m.isfile() and INSIDE in m.name):
            data = contents.extractfile(member)
            if data is not None:
                name = re.sub(r"[^A-Za-z0-9._-]", "_", member.name.partition(INSIDE)[2])
                (partial / f"{number:04}-{name}").write_bytes(data.read())
    partial.rename(folder)
