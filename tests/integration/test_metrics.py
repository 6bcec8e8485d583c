"""The metrics of a whole worker, as CloudWatch and Prometheus read them, against what really happened."""

import os
import urllib.request

import pytest

from localstack.services import free_port
from localstack.worker_process import WorkerProcess
from tests.support import emf, photos
from tests.support.rig import Rig
from tests.support.waiting import eventually
from worker.telemetry.metrics import DISTRIBUTIONS

STEPS = {one.labels["step"] for one in DISTRIBUTIONS if one.family == "latency"}


def scrape(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        return str(answer.read().decode())


def test_what_happened_is_what_the_metrics_say(rig: Rig) -> None:
    port = free_port()
    rig.announce_uploads()
    process = rig.process(metrics="emf", metrics_port=str(port), service="meals", metrics_interval="1")
    process.wait_for("polling")
    scored = [rig.client.upload(photos.coffee(quality=quality), ".jpg") for quality in (80, 85, 90)]
    results = [rig.result(image_id) for image_id in scored]
    copy = rig.client.upload(photos.coffee(quality=80), ".jpg")
    failed = rig.client.upload(b"no photo", ".jpg")
    rig.send("no event")
    results += [rig.result(image_id) for image_id in (copy, failed)]
    # A result is counted just after Redis has it.
    eventually(lambda: 'latency_seconds_count{step="total"} 5.0' in scrape(port), lambda: scrape(port))
    text = scrape(port)
    assert process.stop() == 0, process.tail()

    written = emf.values(process.log.with_suffix(".out").read_text().splitlines())
    (stopped,) = process.events("stopped")
    said = stopped["counts"]
    sums = {name: sum(values) for name, values in written.items()}
    assert sums["PhotosScored"] == sum(result.status == "scored" for result in results) == 4
    assert sums["PhotosFailed"] == 1
    assert sums["DuplicatesExact"] == sums["ScoresReused"] == 1
    assert sums["ObjectiveMet"] + sums["ObjectiveMissed"] == 5
    assert sums["MessagesReceived"] == said["messages_received"] >= 6
    assert sums["MessagesLeft"] == said["left_to_dead_letter_queue"] >= 1
    assert sums["Starts"] == 1
    assert sum(written["BatchSize"]) == sums["BatchedPhotos"] == 3
    assert (
        sums["Batches"]
        == sums["BatchesClosedFull"] + sums["BatchesClosedDeviceFree"] + sums["BatchesClosedDeadline"]
    )
    timings = [result.timings_ms for result in results]
    for step in STEPS:
        name = "Latency" + "".join(word.capitalize() for word in step.split("_"))
        assert sorted(written[name]) == sorted(round(each[step], 2) for each in timings if step in each), step
    assert {step for each in timings for step in each} == STEPS, "a step without its metric"
    assert min(written["InFlight"]) >= 0
    assert 'photo_score_photos_total{outcome="scored"} 4.0' in text
    assert 'photo_score_latency_seconds_count{step="total"} 5.0' in text


def unread(reader: str) -> tuple[int, int]:
    """A pipe whose reader has gone, or stands still before a full one."""
    read, write = os.pipe()
    if reader == "gone":
        os.close(read)
        return -1, write
    os.set_blocking(write, False)
    try:
        while True:
            os.write(write, bytes(1024))
    except BlockingIOError:
        os.set_blocking(write, True)
    return read, write


@pytest.mark.parametrize("reader", ["gone", "standing still"])
def test_lines_that_nobody_reads_keep_neither_photos_nor_the_stop_waiting(rig: Rig, reader: str) -> None:
    read, write = unread(reader)
    rig.announce_uploads()
    settings = {"metrics": "emf", "metrics_interval": "1"}
    process = WorkerProcess(rig.folder / "unread.log", environment=rig.settings(**settings), stdout=write)
    os.close(write)
    try:
        process.wait_for("polling")
        assert rig.result(rig.client.upload(photos.coffee(), ".jpg")).status == "scored"
    finally:
        code = process.stop()
    assert code == 0, process.tail()
    assert process.events()[-1]["event"] == "stopped"
    if read >= 0:
        os.close(read)
