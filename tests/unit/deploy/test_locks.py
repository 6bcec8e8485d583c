"""The locks: each is whole, and they agree."""

import re

import pytest

from deploy.image.engine import ROOT

LOCKS = ROOT / "deploy" / "locks"


def pins(name: str) -> dict[str, str]:
    """Package → version and marker."""
    text = (LOCKS / f"{name}.txt").read_text()
    return dict(re.findall(r"^([\w.\[\]-]+)==(.+?) \\$", text, re.MULTILINE))


def test_the_image_without_tensorflow_has_what_the_other_has_but_tensorflow() -> None:
    slim, cpu = pins("slim"), pins("cpu")
    assert slim.items() <= cpu.items()
    assert "tensorflow-cpu" in cpu.keys() - slim.keys()
    assert not [name for name in slim if "tensorflow" in name or "keras" in name]
    assert {"ai-edge-litert", "boto3", "opentelemetry-sdk"} <= slim.keys()


@pytest.mark.parametrize("name", ["cpu", "gpu"])
def test_images_and_tests_use_the_same_versions(name: str) -> None:
    ours, tests = pins(name), pins("dev")
    shared = ours.keys() & tests.keys()
    assert len(shared) > 50
    assert {one: ours[one] for one in shared} == {one: tests[one] for one in shared}
