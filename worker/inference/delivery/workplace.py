"""A folder to make files in: gone at the end, or by the next one if its process was killed."""

import fcntl
import math
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = ".photo-score-worker-"  # hidden from those who list the versions of a model
LOCK = "lock"  # a file, for NFS knows no locks of folders
# Seconds after which a folder was left by a process that was killed: one that nobody holds, and one of which that
# cannot be told.
UNHELD, ABANDONED = 60.0, 3_600.0


@contextmanager
def open_workplace(folder: Path) -> Iterator[Path]:
    """Give a new folder in this one, and remove those that killed processes have left there.

    Raises OSError if it cannot be made.
    """
    for left in folder.glob(f"{PREFIX}*"):
        with suppress(OSError):  # another process removes it too
            if time.time() - left.stat().st_mtime > _patience(left):
                shutil.rmtree(left, ignore_errors=True)
    with (
        tempfile.TemporaryDirectory(prefix=PREFIX, dir=folder, ignore_cleanup_errors=True) as place,
        (Path(place) / LOCK).open("w") as lock,
    ):
        with suppress(OSError):  # this file system knows no locks
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield Path(place)


def replace(target: Path, made: Path) -> None:
    """Move a folder from its workplace to its target. What was there goes with the workplace."""
    if target.exists():
        # Copies where a rename is not possible, as of what lies in another layer of an image.
        shutil.move(target, made.with_name("old"))
    made.rename(target)


def _patience(place: Path) -> float:
    """Seconds after which a folder counts as left."""
    try:
        with open(place / LOCK, opener=_open_at_once) as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:  # a process holds it
        return math.inf
    except OSError:
        return ABANDONED
    return UNHELD


def _open_at_once(path: str, flags: int) -> int:
    """Open a file in a folder where others may put what they like, as in /tmp: a pipe would wait for a writer."""
    return os.open(path, flags | os.O_NONBLOCK)
