"""Every image of Pillow's tests, also damaged, hostile and odd ones, gives pixels or a photo error."""

import subprocess
from collections import Counter

import pytest

from tests.fuzz.child import ALLOWED, Decoded, decode
from tests.support.corpus import images


@pytest.fixture(scope="module")
def corpus() -> list[Decoded]:
    try:
        return list(decode(images()))
    except subprocess.SubprocessError as error:
        pytest.fail(f"Pillow's images could not be fetched: {error}")


def test_the_corpus_is_whole(corpus: list[Decoded]) -> None:
    assert len(corpus) > 900


def test_each_image_is_read_or_is_at_fault_and_nothing_else_happens(corpus: list[Decoded]) -> None:
    assert {str(one) for one in corpus if one.outcome not in ALLOWED} == set()


def test_many_are_read_and_many_are_not(corpus: list[Decoded]) -> None:
    outcomes = Counter(one.outcome for one in corpus)
    assert outcomes["pixels"] > 200
    assert outcomes["unsupported_format"] > 200
    assert outcomes["unreadable_image"] > 5


def test_every_avif_is_read(corpus: list[Decoded]) -> None:
    found = [one for one in corpus if one.path.suffix in {".avif", ".avifs"}]
    assert len(found) > 15
    assert {str(one) for one in found if one.outcome != "pixels"} == set()


def test_none_takes_more_memory_than_it_may(corpus: list[Decoded]) -> None:
    assert {str(one) for one in corpus if one.memory > one.bound} == set()
