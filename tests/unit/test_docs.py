"""What docs/ say about the code is what the code says."""

import json
import re
from pathlib import Path

import pytest

from docs import generate
from worker.errors import PhotoError
from worker.result import Result

ROOT = Path(__file__).parents[2]
CONTRACT = (ROOT / "docs" / "contract.md").read_text()


@pytest.mark.parametrize("document", generate.PARTS)
def test_what_is_generated_is_up_to_date(document: str) -> None:
    text = (generate.DOCS / document).read_text()
    assert generate.generated(document) == text, "run `make docs`"


def test_the_result_in_the_contract_is_a_result_with_every_field() -> None:
    (example,) = re.findall(r'```json\n(\{\n  "schema_version".*?\n\})\n```', CONTRACT, re.DOTALL)
    result = json.loads(example)
    assert Result.model_validate(result)
    assert set(result) == set(Result.model_fields)


def test_the_steps_of_the_example_add_up_to_its_total() -> None:
    steps = json.loads(re.findall(r'"timings_ms": (\{.*?\})', CONTRACT)[0])
    assert round(sum(steps.values()) - steps["total"], 3) == steps["total"]


def test_every_code_of_a_failed_result_is_in_the_contract() -> None:
    assert all(f"`{error.code}`" in CONTRACT for error in PhotoError.__subclasses__())


def test_every_link_of_the_documents_leads_somewhere() -> None:
    for document in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text()):
            assert (document.parent / link).exists(), f"{document.name}: {link}"
