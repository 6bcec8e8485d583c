"""Uploads a model to S3 for workers to fetch: its files first, the list of their checksums last."""

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from worker.errors import ConfigurationError
from worker.inference import bundle
from worker.inference.delivery import checksums
from worker.inference.delivery.s3_folder import Bucket, S3Folder, read_checksums


def publish(
    folder: Path, location: str, bucket: Bucket, tell: Callable[[str], None] = lambda _: None
) -> S3Folder:
    """Upload a model's newest version below s3://bucket/prefix/NAME/ and return its folder there.

    `tell` gets the name of each file before its upload. Of a version that is there, only what is missing is
    uploaded. A translation that was published stays: readers may be about to fetch it. Raises
    StorageError and ConfigurationError, the latter also when that version was already published with
    other files.
    """
    source = bundle.read(str(folder.resolve()))  # `.` would be no version, but a part of a key
    version = S3Folder.parse(location) / source.version
    sums = checksums.hash_folder(source.path)
    checksums.parse(checksums.render(sums), f"what would be {version}{checksums.NAME}")  # as a reader will
    names = list(sums)
    if (published := read_checksums(bucket, version)) is not None:
        sums, names = _agree(sums, published, version)
        there = bucket.sizes(version.bucket, f"{version.prefix}/")
        names = [
            name for name in names if there.get(version.key(name)) != (source.path / name).stat().st_size
        ]
        if sums == published and not names:
            return version
    for name in names:
        tell(name)
        bucket.upload(source.path / name, version.bucket, version.key(name))
    with tempfile.TemporaryDirectory() as work:
        path = Path(work) / checksums.NAME
        path.write_text(checksums.render(sums))
        bucket.upload(path, version.bucket, version.key(checksums.NAME))
    return version


def _agree(
    ours: Mapping[str, str], published: Mapping[str, str], version: S3Folder
) -> tuple[dict[str, str], list[str]]:
    """The list of a version that is published already, and the names of the files to upload."""
    (model, translation), (theirs, kept) = _split(ours), _split(published)
    if model != theirs:
        raise ConfigurationError(
            f"{version} is published already, with other files; give yours a new version"
        )
    return model | (kept or translation), [*model, *([] if kept else translation)]


def _split(sums: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """A model's own files, and its translation's: two machines do not make the same bytes."""
    model = {name: digest for name, digest in sums.items() if not bundle.is_translation(name)}
    return model, {name: digest for name, digest in sums.items() if name not in model}
