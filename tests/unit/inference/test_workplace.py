"""Folders to make files in: what stays of them, after a process that ended or was killed."""

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from worker.inference.delivery.workplace import ABANDONED, LOCK, PREFIX, UNHELD, open_workplace, replace

CHILD_SECONDS = 60
CHILD = """
import sys
from pathlib import Path
from worker.inference.delivery.workplace import open_workplace
with open_workplace(Path(sys.argv[1])) as place:
    (place / "model").write_text("half")
    print(place, flush=True)
    sys.stdin.read()
"""


def age(folder: Path, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(folder, (then, then))


def visit(folder: Path) -> None:
    with open_workplace(folder):
        pass


def start_child(folder: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", CHILD, str(folder)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_it_is_gone_at_the_end_however_that_comes(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), open_workplace(tmp_path) as place:  # noqa: PT012 - the file, too
        (place / "model").write_text("half")
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


def test_what_a_killed_process_has_left_goes_and_what_is_in_use_stays(tmp_path: Path) -> None:
    with start_child(tmp_path) as child:
        assert child.stdout
        place = Path(child.stdout.readline().strip())
        age(place, 10 * ABANDONED)
        visit(tmp_path)
        assert (place / "model").exists(), "that process still works"
        child.kill()
    visit(tmp_path)
    assert not place.exists()


@pytest.mark.parametrize(
    ("held", "seconds", "stays"),
    [
        ("unheld", UNHELD / 2, True),
        ("unheld", UNHELD * 2, False),
        ("unknown", ABANDONED / 2, True),
        ("unknown", ABANDONED * 2, False),
    ],
)
def test_it_stays_as_long_as_a_process_may_still_be_at_work(
    tmp_path: Path, held: str, seconds: float, stays: bool
) -> None:
    left = tmp_path / f"{PREFIX}left"
    left.mkdir()
    if held == "unheld":
        (left / LOCK).touch()
    age(left, seconds)
    visit(tmp_path)
    assert left.exists() == stays


def test_other_folders_stay(tmp_path: Path) -> None:
    for name in ("1", ".snapshot", "photo-score-worker-models"):
        (tmp_path / name).mkdir()
        (tmp_path / name / LOCK).touch()
        age(tmp_path / name, 10 * ABANDONED)
    visit(tmp_path)
    assert len(list(tmp_path.iterdir())) == 3


def test_a_pipe_that_others_put_there_keeps_nobody_waiting(tmp_path: Path) -> None:
    left = tmp_path / f"{PREFIX}left"
    left.mkdir()
    os.mkfifo(left / LOCK)
    with start_child(tmp_path) as child:
        try:
            output, _ = child.communicate("", CHILD_SECONDS)
        finally:
            child.kill()
    assert (child.returncode, PREFIX in output) == (0, True)


def test_a_folder_is_replaced_by_one_that_was_made(tmp_path: Path) -> None:
    target = tmp_path / "translation"
    for content in ("first", "second"):
        with open_workplace(tmp_path) as place:
            (place / "made").mkdir()
            (place / "made" / "model").write_text(content)
            replace(target, place / "made")
        assert (target / "model").read_text() == content
    assert list(tmp_path.iterdir()) == [target]


def test_what_cannot_be_renamed_is_replaced_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename, target = os.rename, tmp_path / "translation"

    def refuse(source: Path, to: Path) -> None:
        if Path(source) == target:
            raise OSError(
                errno.EXDEV, "Invalid cross-device link"
            )  # of a folder in a lower layer of an image
        rename(source, to)

    target.mkdir()
    with open_workplace(tmp_path) as place:
        (place / "made").mkdir()
        (place / "made" / "model").touch()
        monkeypatch.setattr(os, "rename", refuse)
        replace(target, place / "made")
    assert (target / "model").exists()
