"""Fetches models: local ones from their folders, those in S3 through a cache on this machine.

A published version is complete once its SHA256SUMS is there, which is uploaded last; it never
changes after that.
"""

import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from worker.errors import ConfigurationError, StorageError
from worker.inference import bundle
from worker.inference.bundle import Bundle
from worker.inference.delivery import checksums
from worker.inference.delivery.s3_folder import SCHEME, Bucket, S3Folder, read_checksums
from worker.inference.delivery.workplace import open_workplace, replace
from worker.inference.runtimes import Checkpoint
from worker.telemetry import progress
from worker.telemetry.counters import Telemetry

KEPT_VERSIONS = 2  # of a model in the cache: the one that serves, and the one before


@dataclass(eq=False)
class Library:
    """Finds and fetches models. Those in S3 are downloaded once, checked, and kept in `cache`."""

    bucket: Bucket
    cache: Path
    telemetry: Telemetry
    clock: Callable[[], float]

    def newest(self, location: str) -> str:
        """Version that `fetch` would return now. Raises ConfigurationError, StorageError."""
        if not location.startswith(SCHEME):
            return bundle.find_version(Path(location)).name
        return self._find_complete(S3Folder.parse(location))[0].name

    def fetch(self, location: str, checkpoint: Checkpoint = lambda: None) -> Bundle:
        """Return the newest version, downloaded if necessary; `checkpoint` is called meanwhile.

        Raises ConfigurationError, StorageError.
        """
        if not location.startswith(SCHEME):
            return bundle.read(location)
        version, sums = self._find_complete(S3Folder.parse(location))
        target = self.cache / version.bucket / version.prefix
        try:
            if not checksums.match(target, sums):
                self._download(version, sums, target, checkpoint)
            with suppress(OSError):  # another user's, or not to be written
                os.utime(target)
            _remove_old_versions(target.parent)
        except OSError as error:
            raise ConfigurationError(f"WORKER_MODEL_CACHE cannot be used: {error}") from None
        return bundle.read(str(target))

    def fetch_at_start(self, location: str, checkpoint: Checkpoint = lambda: None) -> Bundle:
        """Fetch, but treat trouble with S3 like a wrong setting. Raises ConfigurationError."""
        try:
            return self.fetch(location, checkpoint)
        except StorageError as error:
            raise ConfigurationError(f"{location} cannot be fetched: {error}") from None

    def _find_complete(self, folder: S3Folder) -> tuple[S3Folder, dict[str, str]]:
        """Find the folder itself, or the newest version in it, that has a list of checksums."""
        names = self.bucket.folders(folder.bucket, f"{folder.prefix}/")
        numbers = sorted(
            (name for name in names if name.isascii() and name.isdecimal()), key=int, reverse=True
        )
        for version in (folder, *(folder / number for number in numbers)):
            sums = read_checksums(self.bucket, version)
            if sums is not None:
                return version, sums
        raise ConfigurationError(
            f"{folder} has no complete model: no {checksums.NAME} in it, nor in a folder VERSION below it "
            "(`python -m worker publish-model` uploads it last)"
        )

    def _download(
        self, version: S3Folder, sums: Mapping[str, str], target: Path, checkpoint: Checkpoint
    ) -> None:
        """Download to a folder beside the target, and move it once all files are undamaged."""
        target.parent.mkdir(parents=True, exist_ok=True)
        sizes = self.bucket.sizes(version.bucket, f"{version.prefix}/")
        total, done = sum(sizes.get(version.key(name), 0) for name in sums), 0
        with (
            open_workplace(target.parent) as place,
            progress.show(
                f"model {version}", total, "bytes", telemetry=self.telemetry, clock=self.clock
            ) as show_done,
        ):

            def add(count: int) -> None:
                nonlocal done
                done += count
                show_done(done)
                checkpoint()

            complete = place / "complete"
            for name, digest in sums.items():
                self._download_file(version, name, digest, complete / name, add)
            _move(complete, target, sums)

    def _download_file(
        self, version: S3Folder, name: str, digest: str, path: Path, tell: Callable[[int], None]
    ) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.bucket.download(version.bucket, version.key(name), path, tell)
        found = checksums.hash_file(path)
        if found != digest:
            raise ConfigurationError(f"{version}{name} is damaged: its SHA-256 is {found}, not {digest}")


def _move(complete: Path, target: Path, sums: Mapping[str, str]) -> None:
    """Rename it in one step. An existing target is damaged, or from a worker that was faster."""
    with suppress(OSError):
        complete.rename(target)
        return
    if not checksums.match(target, sums):
        replace(target, complete)


def _remove_old_versions(folder: Path) -> None:
    """Keep the versions used last; one that still serves is in memory and may be removed."""
    versions = [path for path in folder.iterdir() if path.name.isdecimal() and path.is_dir()]
    for old in sorted(versions, key=lambda path: path.stat().st_mtime, reverse=True)[KEPT_VERSIONS:]:
        shutil.rmtree(old, ignore_errors=True)
