"""Lists of checksums: compatible with sha256sum, and never leading out of the folder."""

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.errors import ConfigurationError
from worker.inference.delivery import checksums


def write_folder(root: Path) -> Path:
    (root / "variables").mkdir(parents=True)
    (root / "saved_model.pb").write_bytes(b"graph")
    (root / "variables" / "variables.index").write_bytes(b"\x00" * 3_000_000)
    (root / checksums.NAME).write_text("an old list does not count")
    return root


def test_sha256sum_agrees(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "1")
    sums = checksums.hash_folder(folder)
    assert set(sums) == {"saved_model.pb", "variables/variables.index"}
    (folder / checksums.NAME).write_text(checksums.render(sums))
    program = shutil.which("sha256sum")
    assert program is not None
    subprocess.run(
        [program, "--check", "--strict", checksums.NAME], cwd=folder, check=True, capture_output=True
    )
    assert checksums.parse((folder / checksums.NAME).read_text(), "list") == sums
    assert checksums.match(folder, sums)


def test_names_may_be_written_as_find_writes_them() -> None:
    digest = "0" * 64
    assert checksums.parse(f"{digest}  ./variables/x\n{digest} *saved_model.pb\n", "list") == {
        "variables/x": digest,
        "saved_model.pb": digest,
    }


@pytest.mark.parametrize("change", [b"grapg", b"graph and more", b""])
def test_a_changed_file_does_not_match(tmp_path: Path, change: bytes) -> None:
    folder = write_folder(tmp_path / "1")
    sums = checksums.hash_folder(folder)
    (folder / "saved_model.pb").write_bytes(change)
    assert not checksums.match(folder, sums)


def test_a_missing_file_does_not_match(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "1")
    sums = checksums.hash_folder(folder)
    (folder / "saved_model.pb").unlink()
    assert not checksums.match(folder, sums)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "no list",
        f"{'0' * 64}",
        f"{'0' * 63}  a",
        f"{'G' * 64}  a",
        f"{'0' * 64}  ../a",
        f"{'0' * 64}  /a",
        f"{'0' * 64}  .",
        f"{'0' * 64}  a/../../b",
        f"{'0' * 64}  a\0b",
        f"{'0' * 64}  a\tb",
        f"{'0' * 64}  a\u2028b",
        f"{'0' * 64}  a\udcffb",  # a name that is not UTF-8
    ],
)
def test_malformed_lists_and_those_that_lead_elsewhere_are_refused(line: str) -> None:
    with pytest.raises(ConfigurationError, match="the list"):
        checksums.parse(line, "the list")


PATHS = st.lists(st.sampled_from(["..", ".", "a", "b", ""]), min_size=1).map("/".join)


@settings(max_examples=200)  # half of them for each strategy
@given(st.one_of(st.text(), PATHS.map(lambda path: f"{'0' * 64}  {path}")))
def test_no_list_leads_out_of_the_folder(text: str) -> None:
    try:
        names = checksums.parse(text, "the list")
    except ConfigurationError:
        return
    root = Path("/cache/model")
    assert all((root / name).resolve().is_relative_to(root) for name in names)
