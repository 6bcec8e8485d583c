"""All sources as one, as the main thread sees them."""

import pytest

from worker.intake.sources import Sources


class ScriptedIntake:
    """Remembers what it was asked to do."""

    def __init__(self, name: str, held: int, asked: list[str]) -> None:
        self.name, self.held, self.asked, self.is_receiving = name, held, asked, False

    @property
    def in_flight(self) -> int:
        return self.held

    def extend_due(self) -> None:
        self.asked.append(f"{self.name}: extend")

    def close(self) -> None:
        self.asked.append(f"{self.name}: close")

    def wait_for_receives(self, timeout: float) -> bool:
        self.asked.append(f"{self.name}: wait {timeout}")
        return not self.is_receiving

    def release_all(self, survived: bool = False) -> int:
        self.asked.append(f"{self.name}: release {survived}")
        held, self.held = self.held, 0
        return held


@pytest.fixture
def asked() -> list[str]:
    return []


@pytest.fixture
def pair(asked: list[str]) -> tuple[ScriptedIntake, ScriptedIntake]:
    return ScriptedIntake("door", 2, asked), ScriptedIntake("queue", 3, asked)


def test_each_is_asked_in_turn(pair: tuple[ScriptedIntake, ScriptedIntake], asked: list[str]) -> None:
    sources = Sources(pair)
    sources.extend_due()
    sources.close()
    assert asked == ["door: extend", "queue: extend", "door: close", "queue: close"]


def test_what_they_hold_and_release_is_added_up(
    pair: tuple[ScriptedIntake, ScriptedIntake], asked: list[str]
) -> None:
    sources = Sources(pair)
    assert sources.in_flight == 5
    assert sources.release_all(survived=True) == 5
    assert asked == ["door: release True", "queue: release True"]
    assert sources.in_flight == sources.release_all(survived=False) == 0
    assert asked[2:] == ["door: release False", "queue: release False"]


@pytest.mark.parametrize("receiving", [0, 1])
def test_nothing_is_received_only_once_that_is_so_for_each(
    pair: tuple[ScriptedIntake, ScriptedIntake], asked: list[str], receiving: int
) -> None:
    sources = Sources(pair)
    assert sources.wait_for_receives(0.5)
    assert asked == ["door: wait 0.5", "queue: wait 0.5"]
    pair[receiving].is_receiving = True
    assert not sources.wait_for_receives(0.5)
