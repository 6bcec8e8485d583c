"""Rules of a queue that cost photos are named, with what to do."""

import pytest

from worker.intake.queue_rules import QueueRules, complaints

SOUND = QueueRules(visibility_timeout=60, retention=345_600, most_receives=5, dead_letter_retention=1_209_600)


def names(rules: QueueRules, visibility_timeout: int = 60, alone_after: int = 3) -> list[str]:
    return [name for name, _ in complaints(rules, visibility_timeout, alone_after)]


def test_sound_rules_are_no_reason_to_warn() -> None:
    assert names(SOUND) == []
    assert names(SOUND._replace(dead_letter_retention=None)) == []


@pytest.mark.parametrize(
    ("changes", "bound", "name"),
    [
        ("retention", 86_400, "short_retention"),
        ("most_receives", 4, "never_alone"),
        ("dead_letter_retention", 345_601, "short_dead_letters"),
    ],
)
def test_each_rule_has_a_bound(changes: str, bound: int, name: str) -> None:
    assert names(SOUND._replace(**{changes: bound})) == []
    assert names(SOUND._replace(**{changes: bound - 1})) == [name]


def test_the_visibility_timeout_in_use_counts() -> None:
    assert names(SOUND, visibility_timeout=20) == []
    assert names(SOUND, visibility_timeout=19) == ["short_visibility_timeout"]
    assert names(SOUND._replace(visibility_timeout=5)) == []


def test_without_dead_letters_nothing_else_is_said_of_them() -> None:
    assert names(SOUND._replace(most_receives=None, dead_letter_retention=1)) == ["no_dead_letters"]


def test_each_complaint_says_what_to_do() -> None:
    bad = QueueRules(1, 60, 1, 60), QueueRules(1, 60, None)
    for _, details in (one for rules in bad for one in complaints(rules, 1, 3)):
        assert ";" in str(details["reason"])
