"""Models from S3: the newest whole version of each, downloaded once, checked, and kept in a folder of this machine.

A version is whole once its SHA256SUMS is there, which `publish` uploads last; it is never changed after that.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import NamedTuple, Protocol

from worker.errors import ConfigurationError, StorageError
from worker.inference import bundle, checksums
from worker.inference.runtimes import Checkpoint
from worker.telemetry import progress
from worker.telemetry.counters import Telemetry

SCHEME = "s3://"
KEPT = 2  # versions of a model: the one that serves, and the one before
LIST_MOST = 1_000_000  # bytes of a list of checksums


class Bucket(Protocol):
    """Where models are published; every method raises StorageError, and ConfigurationError where nothing will help."""

    def folders(self, bucket: str, prefix: str) -> list[str]:
        """Name what lies directly below a prefix that ends with a slash."""
        ...

    def sizes(self, bucket: str, prefix: str) -> Mapping[str, int]:
        """Bytes by key."""
        ...

    def read(self, bucket: str, key: str, most: int) -> str | None:
        """Give a small text, or None where there is none."""
        ...

    def download(self, bucket: str, key: str, path: Path, tell: Callable[[int], None]) -> None:
        """Write an object into a file; `tell` is told how many bytes more have come, and may raise to give up."""
        ...

    def upload(self, path: Path, bucket: str, key: str) -> None:
        """Store a file."""
        ...


class Place(NamedTuple):
    """A folder of a bucket."""

    bucket: str
    prefix: str  # without a slash at its ends

    def __str__(self) -> str:
        return f"{SCHEME}{self.bucket}/{self.prefix}/"

    @property
    def name(self) -> str:
        """The last part."""
        return PurePosixPath(self.prefix).name


def place(location: str) -> Place:
    """Read `s3://bucket/prefix/`. Raises ConfigurationError."""
    bucket, _, prefix = location.removeprefix(SCHEME).partition("/")
    prefix = prefix.strip("/")
    if not bucket or any(part in {"", ".", ".."} for part in prefix.split("/")):
        raise ConfigurationError(f"{location} is no place of a model; it must be s3://bucket/prefix/NAME/")
    return Place(bucket, prefix)


class Library:
    """Gives the models that WORKER_MODEL names: local ones where they lie, those of S3 from the `cache`."""

    def __init__(
        self, bucket: Bucket, cache: Path, *, telemetry: Telemetry, clock: Callable[[], float]
    ) -> None:
        self._bucket = bucket
        self._cache = cache
        self._telemetry = telemetry
        self._clock = clock

    def newest(self, location: str) -> str:
        """Name the version that a start would take now. Raises ConfigurationError, StorageError."""
        if not location.startswith(SCHEME):
            return bundle.version_folder(Path(location)).name
        return self._whole(place(location))[0].name

    def fetch(self, location: str, checkpoint: Checkpoint) -> Path:
        """Give the folder of that version on this machine, downloaded if need be; `checkpoint` may raise meanwhile.

        Raises ConfigurationError, StorageError.
        """
        if not location.startswith(SCHEME):
            return bundle.version_folder(Path(location))
        version, sums = self._whole(place(location))
        target = self._cache / version.bucket / version.prefix
        try:
            if not checksums.match(target, sums):
                self._download(version, sums, target, checkpoint)
            os.utime(target)
            _tidy(target.parent)
        except OSError as error:
            raise ConfigurationError(f"WORKER_MODEL_CACHE cannot be used: {error}") from None
        return target

    def _whole(self, where: Place) -> tuple[Place, dict[str, str]]:
        """Find the place itself, or the newest version below it, that has its list; with that list."""
        versions = [where]
        names = self._bucket.folders(where.bucket, f"{where.prefix}/")
        numbers = sorted(
            (name for name in names if name.isascii() and name.isdecimal()), key=int, reverse=True
        )
        versions += [Place(where.bucket, f"{where.prefix}/{number}") for number in numbers]
        for version in versions:
            text = self._bucket.read(version.bucket, f"{version.prefix}/{checksums.NAME}", LIST_MOST)
            if text is not None:
                return version, checksums.read(text, f"{version}{checksums.NAME}")
        raise ConfigurationError(
            f"{where} has no whole model: no {checksums.NAME} in it, nor in a folder VERSION below it "
            "(`python -m worker publish-model` uploads it last)"
        )

    def _download(
        self, version: Place, sums: Mapping[str, str], target: Path, checkpoint: Checkpoint
    ) -> None:
        """Into a folder of its own, which takes its place only when all is there and right."""
        target.parent.mkdir(parents=True, exist_ok=True)
        sizes = self._bucket.sizes(version.bucket, f"{version.prefix}/")
        total, done = sum(sizes.get(f"{version.prefix}/{name}", 0) for name in sums), 0
        with (
            tempfile.TemporaryDirectory(prefix=".", dir=target.parent, ignore_cleanup_errors=True) as folder,
            progress.show(
                f"model {version}", total, "bytes", telemetry=self._telemetry, clock=self._clock
            ) as tell,
        ):

            def more(count: int) -> None:
                nonlocal done
                done += count
                tell(done)
                checkpoint()

            whole = Path(folder) / "whole"
            for name, wanted in sums.items():
                self._one(version, name, wanted, whole / name, more)
            _take_place(whole, target, sums)

    def _one(self, version: Place, name: str, wanted: str, path: Path, tell: Callable[[int], None]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._bucket.download(version.bucket, f"{version.prefix}/{name}", path, tell)
        found = checksums.of_file(path)
        if found != wanted:
            raise ConfigurationError(f"{version}{name} is damaged: its SHA-256 is {found}, not {wanted}")


def publish(folder: Path, to: str, bucket: Bucket, tell: Callable[[str], None] = lambda _: None) -> Place:
    """Upload a model's newest version below s3://bucket/prefix/NAME/, its list last; where it lies then.

    `tell` is told each file. Raises ConfigurationError, also when that version is published already with other
    files, and StorageError.
    """
    read = bundle.read(str(folder))
    where = place(to)
    version = Place(where.bucket, f"{where.prefix}/{read.version}")
    sums, listed = checksums.of_folder(read.path), f"{version.prefix}/{checksums.NAME}"
    there = bucket.read(version.bucket, listed, LIST_MOST)
    if there is not None and checksums.read(there, f"{version}{checksums.NAME}") != sums:
        raise ConfigurationError(
            f"{version} is published already, with other files; give yours a new version"
        )
    for name in sums:
        tell(name)
        bucket.upload(read.path / name, version.bucket, f"{version.prefix}/{name}")
    with tempfile.TemporaryDirectory() as work:
        path = Path(work) / checksums.NAME
        path.write_text(checksums.written(sums))
        bucket.upload(path, version.bucket, listed)
    return version


def _take_place(whole: Path, target: Path, sums: Mapping[str, str]) -> None:
    """Rename, which nobody sees half done; what is there is damaged, or another worker's that was faster."""
    with suppress(OSError):
        whole.rename(target)
        return
    if not checksums.match(target, sums):
        target.rename(whole.parent / "damaged")
        whole.rename(target)


def _tidy(folder: Path) -> None:
    """Keep the versions that were used last; models in use lie in memory."""
    versions = [path for path in folder.iterdir() if path.name.isdecimal() and path.is_dir()]
    for old in sorted(versions, key=lambda path: path.stat().st_mtime, reverse=True)[KEPT:]:
        shutil.rmtree(old, ignore_errors=True)


def fetched(library: Library, location: str, checkpoint: Checkpoint) -> Path:
    """Fetch at a start, where S3 in trouble is as bad as a wrong setting. Raises ConfigurationError."""
    try:
        return library.fetch(location, checkpoint)
    except StorageError as error:
        raise ConfigurationError(f"{location} cannot be fetched: {error}") from None
