"""Keeps entries on this machine. Several workers of one user may share them."""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from worker.inference.translations import entries
from worker.inference.translations.entries import DamagedError, Entry
from worker.telemetry.counters import Telemetry

TRANSLATIONS, GRAPHS, VERDICTS = "translations", "graphs", "verdicts"  # kinds of entries
FOLDER = "_engines"  # below WORKER_MODEL_CACHE, and no name that a bucket can have
# Seconds after which a workplace was left by a process that was killed: one that nobody holds, and any.
UNHELD, ABANDONED = 60.0, 3_600.0
KEPT = 4  # entries of a kind and a model: of versions and settings in use, and those before


@dataclass(eq=False)
class Cache:
    """Entries by kind, model and key."""

    folder: Path
    telemetry: Telemetry

    @property
    def _root(self) -> Path:
        return self.folder.absolute() / FOLDER  # as tempfile gives the folders in it

    def find(self, kind: str, model: str, key: str) -> Entry | None:
        """Find a whole entry that was made for this key. Any other is logged and removed."""
        path = self._root / kind / model / key
        try:
            if not path.is_dir():
                return None
            self._check_owner()
            entry = entries.read(path, lambda _: key)
        except (DamagedError, OSError) as error:
            self.refuse(path, str(error))
            return None
        with suppress(OSError):  # another user's
            os.utime(path)
        return entry

    def refuse(self, path: Path, reason: str) -> None:
        """Say that an entry is of no use, and remove it if it is one of this cache."""
        self.telemetry.warn("translation_refused", path=str(path), reason=reason)
        if path.is_relative_to(self._root):
            shutil.rmtree(path, ignore_errors=True)

    @contextmanager
    def workplace(self) -> Iterator[Path]:
        """Give a folder to make entries in, from which `keep` can take them; gone with all in it at the end.

        Raises OSError if there is none anywhere.
        """
        try:
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._check_owner()
            _remove_abandoned(self._root)
            place = tempfile.TemporaryDirectory(prefix=".", dir=self._root, ignore_cleanup_errors=True)
        except (OSError, DamagedError) as error:
            self.tell_not_kept(self._root, error)
            place = tempfile.TemporaryDirectory(prefix="photo-score-worker-", ignore_cleanup_errors=True)
        with place as folder, _hold(Path(folder)):
            yield Path(folder)

    def keep(self, kind: str, model: str, made: Entry) -> Entry:
        """Move an entry from the workplace to where `find` looks. It stays there if that cannot be done."""
        if not made.path.is_relative_to(self._root):  # it was said already
            return made
        path = self._root / kind / model / made.key
        try:
            for folder in (path.parent.parent, path.parent):
                folder.mkdir(mode=0o700, exist_ok=True)
            made.path.rename(path)
        except OSError as error:
            if (other := self.find(kind, model, made.key)) is not None:  # a worker that was faster
                return other
            self.tell_not_kept(path, error)
            return made
        _remove_old(path.parent)
        return Entry(path, made.about, made.sums)

    def tell_not_kept(self, path: Path, error: Exception) -> None:
        """Say that something could not be kept. The next start makes it anew."""
        self.telemetry.warn("translation_not_kept", path=str(path), reason=str(error))

    def _check_owner(self) -> None:
        """Raise DamagedError if another user could write there: an entry is as trusted as a model."""
        found = self._root.stat()
        if found.st_uid not in {0, os.geteuid()} or found.st_mode & 0o022:
            raise DamagedError(f"other users can write to {self._root}")


def _remove_abandoned(folder: Path) -> None:
    for place in folder.glob(".*"):
        with suppress(OSError):  # another worker removes it too
            age = time.time() - place.stat().st_mtime
            if age > ABANDONED or (age > UNHELD and not _is_held(place)):
                shutil.rmtree(place, ignore_errors=True)


@contextmanager
def _hold(folder: Path) -> Iterator[None]:
    """Show other processes that a folder is in use, until the end of this one at the latest."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # there are no locks of folders on NFS
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _is_held(folder: Path) -> bool:
    """Whether a process may hold it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:  # somebody does, or there are no locks
        return True
    finally:
        os.close(descriptor)
    return False


def _remove_old(folder: Path) -> None:
    """Keep the entries used last. A model that still serves is mapped and may be removed."""
    with suppress(OSError):  # another worker removes them too
        found = [path for path in folder.iterdir() if path.is_dir()]
        for old in sorted(found, key=lambda path: path.stat().st_mtime, reverse=True)[KEPT:]:
            shutil.rmtree(old, ignore_errors=True)
