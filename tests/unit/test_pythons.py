"""All files claim the same Pythons as pyproject.toml, and each of them is tested."""

import re
import tomllib

import pytest

from deploy.image.engine import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
[(OLDEST, TOO_NEW)] = re.findall(r"^>=3\.(\d+),<3\.(\d+)$", PROJECT["requires-python"])
PYTHONS = [f"3.{minor}" for minor in range(int(OLDEST), int(TOO_NEW))]


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "Makefile", ".ci/run"])
def test_people_are_told_which_pythons_are_good(name: str) -> None:
    told = re.findall(r"Python (3\.\d+) to (3\.\d+)", (ROOT / name).read_text())
    assert told == [(PYTHONS[0], PYTHONS[-1])]


def test_make_refuses_all_others() -> None:
    assert f"(3, {OLDEST}) <= sys.version_info < (3, {TOO_NEW})" in (ROOT / "Makefile").read_text()


def test_the_checks_run_on_each() -> None:
    jobs = (ROOT / ".github" / "workflows" / "ci.yml").read_text()
    [(matrix, job)] = re.findall(r"python: \[(.*)\]((?:\n {4,}.*)*)", jobs)
    assert re.findall(r'"(.*?)"', matrix) == PYTHONS
    assert "run: make check unit" in job


def test_the_locks_are_for_all_of_them() -> None:
    lock = (ROOT / "deploy" / "locks" / "lock.sh").read_text()
    assert f"--universal --python-version {PYTHONS[0]} " in lock


def test_the_image_has_one_of_them() -> None:
    [base] = re.findall(r"^ARG BASE=python:(3\.\d+)-", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert base in PYTHONS
