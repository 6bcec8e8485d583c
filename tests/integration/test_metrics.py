"""The metrics of a whole worker, as CloudWatch and Prometheus read them, against what really happened."""

import json
import signal
import urllib.request

from localstack.services import free_port
from tests import emf
from tests.integration import photos
from tests.stand import PATIENCE, Stand, await_polling
from worker.metrics import STEPS


def test_what_happened_is_what_the_metrics_say(stand: Stand) -> None:
    port = free_port()
    stand.announce_uploads()
    process = stand.process(metrics="emf", metrics_port=str(port), service="meals", metrics_interval="1")
    await_polling(process)
    scored = [stand.client.upload(photos.coffee(quality=quality), ".jpg") for quality in (80, 85, 90)]
    results = [stand.result(image_id) for image_id in scored]
    copy = stand.client.upload(photos.coffee(quality=80), ".jpg")
    failed = stand.client.upload(b"no photo", ".jpg")
    stand.send("no event")
    results += [stand.result(image_id) for image_id in (copy, failed)]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=3 * PATIENCE)
    assert process.returncode == 0, err

    written = emf.values(out.splitlines())
    said = next(line for line in map(json.loads, err.splitlines()) if line["event"] == "stopped")["counts"]
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
    assert {step for each in timings for step in each} == set(STEPS), "a step without its metric"
    assert min(written["InFlight"]) >= 0
    assert 'photo_score_photos_total{outcome="scored"} 4.0' in text
    assert 'photo_score_latency_seconds_count{step="total"} 5.0' in text
