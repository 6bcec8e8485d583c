"""`submit` shows every result that is there, whatever became of the other photos."""

import json
import os
import pty
import subprocess
import sys
import time
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

    fates: ClassVar[dict[str, BaseException]] = {}
    timeouts: ClassVar[list[float]] = []

    def __init__(self, *_: Any, **__: Any) -> None:
        """Connect to nothing."""

    def submit(self, photo: bytes, suffix: str) -> str:
        assert suffix == ".jpg"
        if isinstance(error := self.fates.get(photo.decode()), StorageError):
            raise error
        return photo.decode()

    def wait(self, image_id: str, timeout: float) -> Result:
        self.timeouts.append(timeout)
        if image_id in self.fates:
            raise self.fates[image_id]
        return make_result(image_id)


@pytest.fixture
def paths(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Path]:
    """Three photos that the client above takes."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(submit, "Client", Client)
    monkeypatch.setattr(Client, "timeouts", [])
    paths = [tmp_path / f"{name}.JPG" for name in ("one", "two", "three")]
    for path in paths:
        path.write_text(path.stem)
    return paths


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (TimeoutError(), "no result for two within 30 s; is a worker running, and what does it log?"),
        (StoreError("Redis is away"), "Redis is away"),
        (StorageError("S3 is away"), "S3 is away"),
    ],
)
def test_a_photo_without_a_result_is_named_and_hides_no_other(
    error: Exception,
    said: str,
    paths: list[Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(Client, "fates", {"two": error})
    assert main(["submit", "--json", *map(str, paths)]) == 1
    out, err = capsys.readouterr()
    shown = [json.loads(line)["image_id"] for line in out.splitlines()]
    assert (shown, err) == (["one", "three"], f"worker submit: {paths[1]}: {said}\n")


def test_all_photos_share_one_time_limit(paths: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter(range(0, 1000, 10))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(ticks)))
    assert main(["submit", "--json", *map(str, paths)]) == 0
    first, second, third = Client.timeouts
    assert 30 > first > second > third


def test_what_came_before_ctrl_c_is_shown(
    paths: list[Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Client, "fates", {"two": KeyboardInterrupt()})
    assert main(["submit", *map(str, paths)]) == 130
    out, err = capsys.readouterr()
    assert ("one.JPG" in out, "three.JPG" in out, err) == (True, False, "worker submit: stopped\n")


def test_a_folder_gives_files_only(paths: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    folder = paths[0].parent
    (folder / "album.jpg").mkdir()
    (folder / "dangling.jpg").symlink_to("nowhere")
    assert main(["submit", "--json", str(folder)]) == 0
    out, err = capsys.readouterr()
    assert (len(out.splitlines()), err) == (3, "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([""], "this one is empty"),
        *((["--timeout", text, "photo.jpg"], "must be 0 to 86400") for text in ("1e9", "nan", "inf", "soon")),
        (["--timeout=-1", "photo.jpg"], "must be 0 to 86400"),
    ],
)
def test_wrong_arguments_are_refused_in_plain_words(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["submit", *arguments])
    assert (end.value.code, said in capsys.readouterr().err) == (2, True)


def run_apart(paths: list[Path], *arguments: str, **streams: int) -> subprocess.Popen[bytes]:
    """Start `submit` with the client above in a process of its own."""
    code = (
        "import sys; from tests.unit import test_submit as t; t.submit.Client = t.Client; "
        "sys.exit(t.main(['submit', *sys.argv[1:]]))"
    )
    command = [sys.executable, "-c", code, *arguments, *map(str, paths)]
    return subprocess.Popen(command, env={**os.environ, "TERM": "xterm"}, **streams)  # type: ignore[call-overload,no-any-return]


def test_json_goes_to_a_pipe_while_a_terminal_shows_the_bar(paths: list[Path]) -> None:
    ours, terminal = pty.openpty()
    process = run_apart(paths, "--json", stdout=subprocess.PIPE, stderr=terminal)
    out, _ = process.communicate(timeout=60)
    os.close(terminal)
    shown = os.read(ours, 100_000)
    os.close(ours)
    assert (process.returncode, len(out.splitlines()), b"image_id" in shown) == (0, 3, False)
    assert b"uploads" in shown
    assert b"results" in shown


def test_a_reader_of_the_table_that_has_gone_is_reported_as_the_shell_does(paths: list[Path]) -> None:
    read, write = os.pipe()
    os.close(read)
    process = run_apart(paths, stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (141, b"")


def test_a_table_off_a_terminal_has_80_columns_or_as_many_as_columns_says() -> None:
    for columns, width in {"": 80, "100": 100}.items():
        environment = {**os.environ, "COLUMNS": columns}
        code = "from worker.commands.terminal import console; print(console(wide=False).width)"
        command = [sys.executable, "-c", code]
        null = subprocess.DEVNULL
        out = subprocess.run(command, env=environment, stdin=null, capture_output=True, check=True).stdout
        assert int(out) == width
