"""Threads that look things up at the same time share calls, and each hears its own answer."""

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from tests.support.waiting import eventually
from worker.errors import StoreError
from worker.results.gathering import Gathering

SOON = 5.0  # seconds any thread here may take


class HeldCalls:
    """Calls that wait until they are let go. Each value is its key, in capitals."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.held: list[threading.Event] = []
        self.trouble: BaseException | None = None

    def __call__(self, names: Sequence[str]) -> list[Any]:
        self.calls.append([*names])
        self.held.append(threading.Event())
        assert self.held[-1].wait(SOON)
        if self.trouble:
            raise self.trouble
        return [name.upper() for name in names]

    def let_go(self, number: int) -> None:
        eventually(lambda: len(self.held) > number)
        self.held[number].set()


def ask(pool: ThreadPoolExecutor, gathering: Gathering, names: str) -> dict[str, "Future[Any]"]:
    """Ask for each name in a thread of its own, one after the other."""
    asked = {}
    for count, name in enumerate(names, 1):
        asked[name] = pool.submit(gathering.get, name)
        eventually(lambda count=count: gathering._calling + len(gathering._waiting) >= count)  # type: ignore[misc]
    return asked


def test_a_thread_that_is_alone_calls_at_once() -> None:
    calls = list[Sequence[str]]()

    def get(names: Sequence[str]) -> list[Any]:
        calls.append(names)
        return ["A"]

    gathering = Gathering(get)
    assert [gathering.get("a"), gathering.get("a")] == ["A", "A"]
    assert calls == [["a"], ["a"]]


def test_those_who_come_meanwhile_share_the_next_call_and_each_gets_its_own_answer() -> None:
    calls = HeldCalls()
    gathering = Gathering(calls, patience=SOON)
    with ThreadPoolExecutor(8) as pool:
        asked = ask(pool, gathering, "abcd")
        calls.let_go(0)
        assert asked["a"].result(SOON) == "A"
        eventually(lambda: len(calls.calls) == 2)
        asked["e"] = pool.submit(gathering.get, "e")
        eventually(lambda: len(gathering._waiting) == 1)
        calls.let_go(1)
        calls.let_go(2)
        answers = {name: one.result(SOON) for name, one in asked.items()}
    assert answers == {name: name.upper() for name in "abcde"}
    assert [sorted(names) for names in calls.calls] == [["a"], ["b", "c", "d"], ["e"]]
    assert (gathering._calling, gathering._waiting) == (0, [])


def test_a_call_that_hangs_keeps_nobody_waiting_who_is_not_part_of_it() -> None:
    calls = HeldCalls()
    gathering = Gathering(calls, patience=0.01)
    with ThreadPoolExecutor(8) as pool:
        hanging = pool.submit(gathering.get, "a")
        eventually(lambda: len(calls.calls) == 1)
        for number, name in enumerate("bcd", 1):
            other = pool.submit(gathering.get, name)
            calls.let_go(number)
            assert other.result(SOON) == name.upper()
        assert not hanging.done()
        calls.let_go(0)
        assert hanging.result(SOON) == "A"
    assert (gathering._calling, gathering._waiting) == (0, [])


@pytest.mark.parametrize("trouble", [StoreError("Redis is away"), MemoryError()], ids=["store", "bug"])
def test_whoever_shares_a_call_that_fails_hears_of_it_and_the_next_call_is_made(
    trouble: BaseException,
) -> None:
    calls = HeldCalls()
    gathering = Gathering(calls, patience=SOON)
    with ThreadPoolExecutor(8) as pool:
        asked = ask(pool, gathering, "abc")
        calls.let_go(0)
        assert asked["a"].result(SOON) == "A"
        calls.trouble = trouble
        calls.let_go(1)
        errors = [asked[name].exception(SOON) for name in "bc"]
        calls.trouble = None
        after = pool.submit(gathering.get, "z")
        calls.let_go(2)
        assert after.result(SOON) == "Z"
    assert type(errors[0]) is type(trouble)
    assert isinstance(errors[1], StoreError)
    assert errors[0] is not errors[1]


@pytest.mark.parametrize("patience", [SOON, 0.0])
def test_nobody_is_forgotten_whatever_the_threads_do(patience: float) -> None:
    gathering = Gathering(lambda names: [int(name) for name in names], patience)

    def get_many(first: int) -> list[Any]:
        return [gathering.get(str(number)) for number in range(first, first + 500)]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(get_many, range(0, 8000, 1000)))
    assert found == [list(range(first, first + 500)) for first in range(0, 8000, 1000)]
    assert (gathering._calling, gathering._waiting) == (0, [])
