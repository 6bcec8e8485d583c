"""Uploads a model to S3 for workers to fetch: its files first, the list of their checksums last."""

import tempfile
from collections.abc import Callable
from pathlib import Path

from worker.errors import ConfigurationError
from worker.inference import bundle
from worker.inference.delivery import checksums
from worker.inference.delivery.s3_folder import Bucket, S3Folder, read_checksums


def publish(
    folder: Path, location: str, bucket: Bucket, tell: Callable[[str], None] = lambda _: None
) -> S3Folder:
    """Upload a model's newest version below s3://bucket/prefix/NAME/ and return its folder there.

    `tell` gets the name of each file before its upload. Raises StorageError and ConfigurationError,
    the latter also when that version was already published with other files.
    """
    source = bundle.read(str(folder.resolve()))  # `.` would be no version, but a part of a key
    version = S3Folder.parse(location) / source.version
    sums = checksums.hash_folder(source.path)
    checksums.parse(checksums.render(sums), f"what would be {version}{checksums.NAME}")  # as a reader will
    if read_checksums(bucket, version) not in (None, sums):
        raise ConfigurationError(
            f"{version} is published already, with other files; give yours a new version"
        )
    for name in sums:
        tell(name)
        bucket.upload(source.path / name, version.bucket, version.key(name))
    with tempfile.TemporaryDirectory() as work:
        path = Path(work) / checksums.NAME
        path.write_text(checksums.render(sums))
        bucket.upload(path, version.bucket, version.key(checksums.NAME))
    return version
