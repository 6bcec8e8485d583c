"""A folder of a bucket with a published model or its versions, and its list of checksums."""

from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple, Protocol, Self

from worker.errors import ConfigurationError
from worker.inference.delivery import checksums

SCHEME = "s3://"
MAX_LIST_BYTES = 1_000_000  # of a list of checksums


class Bucket(Protocol):
    """S3. Every method raises StorageError, or ConfigurationError if trying again cannot help."""

    def folders(self, bucket: str, prefix: str) -> list[str]:
        """Names directly below a prefix that ends with a slash."""

    def sizes(self, bucket: str, prefix: str) -> Mapping[str, int]:
        """Bytes by key."""

    def read(self, bucket: str, key: str, most: int) -> str | None:
        """Return a small text, or None if there is no such object."""

    def download(self, bucket: str, key: str, path: Path, tell: Callable[[int], None]) -> None:
        """Write an object to a file. `tell` gets the size of each chunk; it may raise to abort."""

    def upload(self, path: Path, bucket: str, key: str) -> None:
        """Store a file."""


class S3Folder(NamedTuple):
    """A bucket and a prefix without slashes at its ends."""

    bucket: str
    prefix: str

    @classmethod
    def parse(cls, location: str) -> Self:
        """Read `s3://bucket/prefix/`. Raises ConfigurationError."""
        bucket, _, prefix = location.removeprefix(SCHEME).partition("/")
        prefix = prefix.strip("/")
        is_sound = not {"", ".", ".."}.intersection((bucket, *prefix.split("/")))
        if not location.startswith(SCHEME) or not is_sound:
            raise ConfigurationError(
                f"{location} is not the location of a model: use s3://bucket/prefix/NAME/"
            )
        return cls(bucket, prefix)

    def __str__(self) -> str:
        return f"{SCHEME}{self.bucket}/{self.prefix}/"

    def __truediv__(self, name: str) -> "S3Folder":
        return S3Folder(self.bucket, self.key(name))

    @property
    def name(self) -> str:
        """Last part of the prefix."""
        return PurePosixPath(self.prefix).name

    def key(self, name: str) -> str:
        """Key of an object in this folder."""
        return f"{self.prefix}/{name}"


def read_checksums(bucket: Bucket, folder: S3Folder) -> dict[str, str] | None:
    """Return the folder's list of checksums, or None if it has none. Raises as `Bucket` does."""
    text = bucket.read(folder.bucket, folder.key(checksums.NAME), MAX_LIST_BYTES)
    return None if text is None else checksums.parse(text, f"{folder}{checksums.NAME}")
