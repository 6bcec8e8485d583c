"""Every image of Pillow's tests – damaged, hostile, of odd formats – comes out as pixels or as a photo's fault."""

import subprocess
from collections import Counter

import pytest

from tests.fuzz.child import Decoded, decode
from tests.support.corpus import images
from worker.errors import MessageError, PhotoError

MOST = 600_000_000  # bytes: what one of these, none of which has more than 30 megapixels, may take


def codes(kind: type[MessageError]) -> set[str]:
    """The code of each kind of error below one."""
    return {k.code for k in kind.__subclasses__()}


@pytest.fixture(scope="module")
def corpus() -> list[Decoded]:
    try:
        return list(decode(images()))
    except subprocess.SubprocessError as error:
        pytest.fail(f"Pillow's images could not be fetched: {error}")


def test_the_corpus_is_whole(corpus: list[Decoded]) -> None:
    assert len(corpus) > 900


def test_each_image_is_read_or_is_at_fault_and_nothing_else_happens(corpus: list[Decoded]) -> None:
    allowed = {"pixels"} | codes(PhotoError)
    assert {str(one) for one in corpus if one.outcome not in allowed} == set()


def test_many_are_read_and_many_are_not(corpus: list[Decoded]) -> None:
    outcomes = Counter(one.outcome for one in corpus)
    assert outcomes["pixels"] > 200
    assert outcomes["unsupported_format"] > 200
    assert outcomes["unreadable_image"] > 5


def test_none_takes_more_memory_than_it_may(corpus: list[Decoded]) -> None:
    assert {str(one) for one in corpus if one.memory > MOST} == set()
