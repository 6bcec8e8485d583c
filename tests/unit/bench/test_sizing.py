"""What larger machines would do: the arithmetic, and its tables."""

from math import inf

import pytest

from bench.sizing.reckoning import Parts, ceiling, cores_needed, workers_needed
from bench.sizing.tables import ceilings, hosts
from tests.support.measured import speed


@pytest.mark.parametrize(
    ("cores", "device", "expected"),
    [
        (4, inf, (1000, "cores")),  # 4 ms a photo on 4 cores
        (8, inf, (2000, "cores")),
        (16, inf, (2000, "main process")),  # 0.5 ms a photo on one core
        (16, 800.0, (800, "device")),
    ],
)
def test_the_ceiling_is_the_least_of_three_bounds(
    cores: int, device: float, expected: tuple[float, str]
) -> None:
    assert ceiling(Parts(main=0.5, decode=2.5, infer=1.0), cores, device) == expected


@pytest.mark.parametrize("name", ["infer", "hashing"])
def test_inference_and_hashing_take_cores_but_not_the_lock(name: str) -> None:
    assert ceiling(Parts(0.5, 2.5)._replace(**{name: 9.0}), 4)[0] == pytest.approx(4000 / 12)
    assert ceiling(Parts(0.5, 0.5)._replace(**{name: 1.0}), 16) == (2000, "main process")


def test_a_host_is_sized_for_a_thousand_photos_a_second() -> None:
    assert cores_needed(Parts(0.5, 2.5)) == pytest.approx(3)
    assert [workers_needed(Parts(main, 2.5)) for main in (0.5, 1.0, 1.1)] == [1, 1, 2]


def test_the_table_of_ceilings_tells_what_is_reckoned_and_what_sets_the_bound() -> None:
    table = ceilings(speed())
    assert "reckoned, not measured" in table.title
    assert table.rows[0][1:] == ("small", "1,333 (cores)", "2,000 (device)", "2,000 (device)")
    assert table.rows[3][:3] == ("model on the CPU", "small", "444 (cores)")  # 6 ms more a photo
    alone = ceilings({"accelerator": speed()["accelerator"]})
    assert list(alone.rows) == list(table.rows)[:3]


def test_hosts_are_sized_by_size_and_by_format() -> None:
    formats = {"formats": {"JPEG": {"decode_cpu_ms": 30.0}, "HEIC": {"decode_cpu_ms": 600.0}}}
    table = hosts({**speed(), "formats": formats})
    assert [row[0] for row in table.rows] == ["JPEG, small", "JPEG, 3 MP", "JPEG, 12 MP", "HEIC, 12 MP"]
    assert table.rows[0] == ("JPEG, small", "2.4", "0.6", "3.0", "3.8", "1")
    assert table.rows[-1] == ("HEIC, 12 MP", "600.0", "2.0", "602.0", "752.5", "1")
