"""What the door holds of what is bounded is told: photos in work, and the bytes that count."""

from tests.support.fakes import ManualClock
from worker.door.door import Door
from worker.door.receiving.admission import Pieces
from worker.settings import load
from worker.telemetry.counters import Telemetry
from worker.telemetry.prometheus import PrometheusMetrics

NAMES = ("photo_score_door_in_work", "photo_score_door_bytes_held")


def test_photos_in_work_and_their_bytes_are_gauges_until_they_are_gone() -> None:
    figures = PrometheusMetrics()
    telemetry = Telemetry([figures])
    door = Door(load({"WORKER_DOOR_PORT": "1"}), telemetry, ManualClock(), ManualClock().now)
    telemetry.watch(door.gauges)

    def told() -> list[str]:
        telemetry.flush()
        return [line for line in figures.text().decode().splitlines() if line.startswith(NAMES)]

    def gauges(in_work: int, held: int) -> list[str]:
        return [f"{name} {number}.0" for name, number in zip(NAMES, (in_work, held), strict=True)]

    assert told() == gauges(0, 0)
    pieces = Pieces([b"bytes"])
    door.admission.hold(5)
    door.admission.release_with(pieces, 5)
    place = door.admission.enter()
    assert told() == gauges(1, 5)
    place.leave()
    assert told() == gauges(0, 5), "whoever is answered may leave bytes in work"
    del pieces
    assert told() == gauges(0, 0)
