"""The documents agree with the code: generated parts, examples, links and file names."""

import json
import re
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from docs.tools import generate
from worker import settings
from worker.errors import PhotoError
from worker.result import Result, schema

ROOT = generate.ROOT
FOLDERS = ("worker", "tests", "bench", "docs", "deploy", "localstack", "models")
DOCUMENTS = sorted(
    path
    for path in [*ROOT.glob("*.md"), *(path for name in FOLDERS for path in (ROOT / name).rglob("*.md"))]
    if "node_modules" not in path.parts  # not ours
)
CONTRACT = (ROOT / "docs" / "contract.md").read_text()


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def anchors(document: Path) -> set[str]:
    """The anchors that GitHub gives to a document's headings."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", [*generate.PARTS, *generate.FILES])
def test_generated_parts_are_up_to_date(document: str) -> None:
    assert generate.generate(document) == (ROOT / document).read_text(), "run `make docs`"


def test_the_result_in_the_contract_is_a_result_with_every_field() -> None:
    (example,) = re.findall(r'```json\n(\{\n  "schema_version".*?\n\})\n```', CONTRACT, re.DOTALL)
    result = json.loads(example)
    assert Result.model_validate(result)
    Draft202012Validator(json.loads(schema()), format_checker=FormatChecker()).validate(result)
    assert set(result) == set(Result.model_fields)


def test_the_steps_of_the_example_add_up_to_its_total() -> None:
    steps = json.loads(re.findall(r'"timings_ms": (\{.*?\})', CONTRACT)[0])
    assert round(sum(steps.values()) - steps["total"], 3) == steps["total"]


def test_every_code_of_a_failed_result_is_in_the_contract() -> None:
    assert all(f"`{error.code}`" in CONTRACT for error in PhotoError.__subclasses__())


def test_the_api_has_the_same_rights_in_elasticache() -> None:
    (rights,) = re.findall("^ACL SETUSER api on >… resetkeys (.*)$", CONTRACT, re.MULTILINE)
    assert f"--access-string 'on {rights}'" in CONTRACT


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_link_leads_to_a_file_and_a_heading(document: Path) -> None:
    for link in re.findall(r"\]\((?!https?:)([^)]+)\)", document.read_text()):
        path, _, anchor = link.partition("#")
        target = document.parent / path if path else document
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_source_file_named_in_a_document_exists(document: Path) -> None:
    files = [f"/{name(path)}" for folder in FOLDERS for path in (ROOT / folder).rglob("*.*")]
    named = re.findall(r"`([\w./-]+\.(?:py|lua|sh|yaml|svg))`", document.read_text())
    missing = [one for one in named if not any(path.endswith(f"/{one}") for path in files)]
    assert not missing, "was the file renamed?"


def test_pre_commit_runs_what_make_check_runs() -> None:
    (check,) = re.findall(r"^check:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    entries = re.findall(r"entry: \.venv/bin/(.*?)[,\n]", (ROOT / ".pre-commit-config.yaml").read_text())
    hooks = {
        re.sub(r" (\.|Dockerfile|deploy/template\.yaml deploy/door\.yaml)$", "", run)
        for run in re.findall(r"\$\(BIN\)/(.*)", check)
    }
    assert set(entries) == hooks


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_setting_named_in_a_document_exists(document: Path) -> None:
    variables = [row[0] for row in settings.rows()]
    for named in re.findall(r"WORKER_[A-Z_]*[A-Z]", document.read_text()):
        assert any(variable.startswith(named) for variable in variables), named


@pytest.mark.parametrize("document", ["CONTRIBUTING.md", "docs/architecture.md"])
def test_every_name_in_a_document_about_the_code_is_in_the_code(document: str) -> None:
    sources = [path.read_text() for folder in ("worker", "tests") for path in (ROOT / folder).rglob("*.py")]
    named = re.findall(r"`([A-Za-z_]\w+)(?:\(\))?`", (ROOT / document).read_text())
    missing = {one for one in named if not one.startswith("WORKER_")} - set(
        re.findall(r"\w+", "".join(sources))
    )
    assert not missing, "was it renamed?"
