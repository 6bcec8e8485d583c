"""A bucket of models in memory; see Bucket in worker/inference/delivery/s3_folder.py."""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

from worker.inference.delivery import checksums


class MemoryBucket:
    """Objects by key, and the keys in the order of their uploads."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.uploaded: list[str] = []

    def folders(self, bucket: str, prefix: str) -> list[str]:
        return sorted(
            {key[len(prefix) :].partition("/")[0] for key in self.objects if key.startswith(prefix)}
        )

    def sizes(self, bucket: str, prefix: str) -> Mapping[str, int]:
        return {key: len(content) for key, content in self.objects.items()}

    def read(self, bucket: str, key: str, most: int) -> str | None:
        return self.objects[key].decode() if key in self.objects else None

    def download(self, bucket: str, key: str, path: Path, tell: Callable[[int], None]) -> None:
        path.write_bytes(self.objects[key])

    def upload(self, path: Path, bucket: str, key: str) -> None:
        self.objects[key] = path.read_bytes()
        self.uploaded.append(key.removeprefix("meals/1/"))

    def is_whole(self) -> bool:
        """Whether the list has exactly what is there."""
        listed = checksums.parse(self.objects[f"meals/1/{checksums.NAME}"].decode(), "")
        there = {key.removeprefix("meals/1/") for key in self.objects} - {checksums.NAME}
        return set(listed) == there and all(
            hashlib.sha256(self.objects[f"meals/1/{name}"]).hexdigest() == digest
            for name, digest in listed.items()
        )
