"""The arithmetic of the benchmark: what its ratios are made of."""

import pytest

from bench.ratios import add_ratios, growth, medians, spread

ROUND = {
    "infer_cpu_ms": 8.0,
    "decode_cpu_ms": 2.0,
    "services_cpu_ms": 6.0,
    "images_per_s": 240.0,
    "memory_per_s": 190.0,
    "memory_cpu_ms": 12.5,
    "worker_cpu_ms": 14.0,
    "photos_per_s": 120.0,
    "plain_per_s": 12.0,
    "celery_per_s": 60.0,
}


def test_the_limit_is_decoding_and_inference_alone_on_all_cores() -> None:
    row = add_ratios(ROUND, cores=2, rivals=())
    assert row["limit_per_s"] == pytest.approx(200)  # 2 cores, 10 ms a photo
    assert row["memory_to_limit"] == pytest.approx(0.95)
    assert row["worker_to_limit"] == pytest.approx(0.6)


def test_the_share_of_cpu_in_the_work_does_not_depend_on_elapsed_time() -> None:
    slow = {**ROUND, "memory_per_s": 50.0}
    assert add_ratios(slow, cores=2, rivals=())["memory_cpu_in_work"] == pytest.approx(0.8)


def test_the_network_costs_the_cpu_time_beyond_that_in_memory() -> None:
    assert add_ratios(ROUND, cores=2, rivals=())["network_cpu_ms"] == pytest.approx(1.5)


def test_the_cpu_time_of_the_services_is_charged_to_the_limit() -> None:
    row = add_ratios(ROUND, cores=2, rivals=())
    assert row["limit_with_services_per_s"] == pytest.approx(125)  # 2 cores, 16 ms a photo
    assert row["worker_to_limit_with_services"] == pytest.approx(0.96)


def test_every_rival_is_compared_with_the_worker_and_with_the_limit() -> None:
    row = add_ratios(ROUND, cores=2, rivals=("plain", "celery"))
    assert row["worker_to_plain"] == pytest.approx(10)
    assert row["worker_to_celery"] == pytest.approx(2)
    assert row["celery_to_limit"] == pytest.approx(0.3)
    assert row["worker_to_model_alone"] == pytest.approx(0.5)


def test_one_odd_round_moves_the_spread_and_not_the_median() -> None:
    rows = [{"photos_per_s": value} for value in (100.0, 5.0, 102.0)]
    assert medians(rows) == {"photos_per_s": 100.0}
    assert spread(rows) == {"photos_per_s": (5.0, 102.0)}


def test_growth_is_a_share_of_the_earlier_memory() -> None:
    assert growth(1600.0, 1680.0) == pytest.approx(0.05)
    assert growth(1600.0, 1520.0) == pytest.approx(-0.05)
