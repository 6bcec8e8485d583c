"""What Prometheus and the documents say of a metric can be read alone."""

import re

import pytest

from worker.telemetry.metrics import (
    COUNTERS,
    DISTRIBUTIONS,
    DOOR_COUNTERS,
    DOOR_DISTRIBUTIONS,
    Counter,
    Distribution,
)
from worker.telemetry.prometheus import HELP, PrometheusMetrics

PAGE = PrometheusMetrics().text().decode()
HELPS = dict(re.findall(r"^# HELP (\w+) (.*)$", PAGE, re.MULTILINE))
ALL: tuple[Counter | Distribution, ...] = (*COUNTERS, *DISTRIBUTIONS, *DOOR_COUNTERS, *DOOR_DISTRIBUTIONS)
ROWS = {one.name: one.doc for one in ALL}
TEXTS = HELPS | ROWS
POINTS_BACK = (
    r"(The same|The other|Of (these|those|them)|These|Those|This|That|It|They|Their|Such|As above|Also)\b"
)


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_can_be_read_alone(name: str) -> None:
    text = TEXTS[name]
    assert re.fullmatch(r"[A-Z].+[^.]\.", text), (
        "a sentence begins with a capital letter and ends with a full stop"
    )
    assert not re.match(POINTS_BACK, text), "it points to a neighbour"
    assert len(text.split()) >= 5, "it is too short to say what is counted, and of what"
    assert not re.search("[→…]", text), "words, not signs"


def test_no_two_metrics_have_the_same_text() -> None:
    families = [text for name, text in HELPS.items() if not name.endswith("_created")]
    assert len(set(families)) == len(families) > 25
    assert len(set(ROWS.values())) == len(ROWS)


@pytest.mark.parametrize("name", HELPS)
def test_the_unit_in_a_name_is_in_its_text(name: str) -> None:
    unit = re.search(r"_(seconds|bytes|photos|messages|connections)\b|^photo_score_(photos|messages)\b", name)
    assert not unit or (unit[1] or unit[2]) in HELPS[name].lower()


def test_a_text_names_the_labels_of_its_metric() -> None:
    labels = {one.family: tuple(one.labels) for one in ALL if one.labels}
    assert set(HELP) == set(labels)
    for family, names in labels.items():
        assert f"by {' and '.join(names)}" in HELP[family], family
