"""Keeps entries on this machine. Several workers of one user may share them."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from errno import EACCES
from pathlib import Path

from worker.inference.delivery.workplace import open_workplace, replace
from worker.inference.translations import entries
from worker.inference.translations.entries import DamagedError, Entry
from worker.telemetry.counters import Telemetry

TRANSLATIONS, GRAPHS, VERDICTS = "translations", "graphs", "verdicts"  # kinds of entries
FOLDER = "_engines"  # below WORKER_MODEL_CACHE, and no name that a bucket can have
KEPT = 4  # entries of a kind and a model: of versions and settings in use, and those before


@dataclass(eq=False)
class Cache:
    """Entries by kind, model and key."""

    folder: Path
    telemetry: Telemetry
    _told: set[str] = field(default_factory=set, init=False)  # why something could not be kept

    @property
    def _root(self) -> Path:
        return self.folder.absolute() / FOLDER  # as tempfile gives the folders in it

    def place(self, kind: str, model: str, key: str) -> Path:
        """Where the entry is, if there is one."""
        return self._root / kind / model / key

    def find(self, kind: str, model: str, key: str) -> Entry | None:
        """Find a whole entry that was made for this key. A damaged one is logged and removed."""
        path = self.place(kind, model, key)
        try:
            self._check_owner()
            entry = entries.read(path, lambda _: key)
        except FileNotFoundError:
            return None
        except DamagedError as error:
            self.refuse(path, str(error))
            return None
        except OSError as error:
            self.tell_not_kept(error)
            return None
        if entry is not None:
            with suppress(OSError):  # another user's, or not to be written
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
        with ExitStack() as stack:
            try:
                self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._check_owner()
                place = stack.enter_context(open_workplace(self._root))
            except OSError as error:
                self.tell_not_kept(error)
                place = stack.enter_context(open_workplace(Path(tempfile.gettempdir())))
            yield place

    def keep(self, kind: str, model: str, made: Entry, *, replaces: bool = False) -> Entry:
        """Move an entry from the workplace to where `find` looks. It stays there if that cannot be done.

        One that another worker has kept meanwhile is as good, unless this one `replaces` it.
        """
        if not made.path.is_relative_to(self._root):  # it was said already
            return made
        path = self.place(kind, model, made.key)
        try:
            for folder in (path.parent.parent, path.parent):
                folder.mkdir(mode=0o700, exist_ok=True)
            if replaces:
                replace(path, made.path)
            else:
                made.path.rename(path)
        except OSError as error:
            if (other := self.find(kind, model, made.key)) is not None:
                return other
            self.tell_not_kept(error)
            return made
        _remove_old(path.parent)
        return Entry(path, made.about, made.sums)

    def tell_not_kept(self, error: Exception) -> None:
        """Say, once for each reason, that something could not be kept. The next start makes it anew."""
        reason = str(getattr(error, "strerror", None) or error)  # without the names of temporary files
        if reason not in self._told:
            self._told.add(reason)
            self.telemetry.warn("translation_not_kept", path=str(self._root), reason=reason)

    def _check_owner(self) -> None:
        """Raise PermissionError if another user could write there: an entry is as trusted as a model."""
        found = self._root.stat()
        if found.st_uid not in {0, os.geteuid()}:
            raise PermissionError(EACCES, f"it belongs to another user ({found.st_uid})")
        if found.st_mode & 0o022:
            raise PermissionError(EACCES, f"other users can write there (mode {found.st_mode & 0o777:o})")


def _remove_old(folder: Path) -> None:
    """Keep the entries used last. A model that still serves is mapped and may be removed."""
    with suppress(OSError):  # another worker removes them too
        found = [path for path in folder.iterdir() if path.is_dir()]
        for old in sorted(found, key=lambda path: path.stat().st_mtime, reverse=True)[KEPT:]:
            shutil.rmtree(old, ignore_errors=True)
