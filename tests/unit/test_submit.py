"""`submit` shows every result that is there, whatever became of the other photos."""

import json
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tests.support.results import make_result
from worker.cli import main
from worker.commands import submit
from worker.errors import StorageError, StoreError
from worker.result import Result

ENVIRONMENT = {
    "WORKER_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/111122223333/uploads",
    "WORKER_BUCKETS": "photos",
    "WORKER_REDIS_URL": "redis://redis:6379/0",
}


class Client:
    """Photos are named by their bytes; what happens to each is in `fates`."""

    fates: ClassVar[dict[str, Exception]] = {}

    def __init__(self, *_: Any, **__: Any) -> None:
        """Connect to nothing."""

    def submit(self, photo: bytes, suffix: str) -> str:
        assert suffix == ".jpg"
        if isinstance(error := self.fates.get(photo.decode()), StorageError):
            raise error
        return photo.decode()

    def wait(self, image_id: str, timeout: float) -> Result:
        assert timeout == 30
        if image_id in self.fates:
            raise self.fates[image_id]
        return make_result(image_id)


@pytest.mark.parametrize(
    "error", [TimeoutError("no result for two"), StoreError("Redis is away"), StorageError("S3 is away")]
)
def test_a_photo_without_a_result_hides_no_other(
    error: Exception, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(submit, "Client", Client)
    monkeypatch.setattr(Client, "fates", {"two": error})
    paths = [tmp_path / f"{name}.JPG" for name in ("one", "two", "three")]
    for path in paths:
        path.write_text(path.stem)
    assert main(["submit", "--json", *map(str, paths)]) == 1
    out, err = capsys.readouterr()
    shown = [json.loads(line)["image_id"] for line in out.splitlines()]
    assert (shown, err) == (["one", "three"], f"worker submit: {error}\n")
