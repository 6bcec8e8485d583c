"""Counts add up, also over threads."""

import threading

from worker.telemetry.counters import Telemetry


def test_counts_add_up_over_threads() -> None:
    telemetry = Telemetry()

    def count() -> None:
        for _ in range(500):
            telemetry.batch(3, "full")

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert telemetry.counts == {"batches": 4_000, "batches_closed_full": 4_000, "batched_photos": 12_000}


def test_counts_are_returned_as_a_copy() -> None:
    telemetry = Telemetry()
    telemetry.count("batches", 2)
    telemetry.counts["batches"] = 99
    assert telemetry.counts == {"batches": 2}
