"""Photos made to take minutes, to take all memory, or to crash a decoder, among good ones.

Expected: each of them gets a `failed` result, the good ones are scored, and nothing is received
twice. Guards against: a photo that takes its neighbours into the dead-letter queue.
"""

from collections.abc import Mapping

import pytest

from bench.hostile import photos as hostile
from tests.support.faults.fault_rig import FaultRig
from tests.support.faults.planting import WORKER, breaking
from tests.support.waiting import eventually


def error_codes(rig: FaultRig, ids: Mapping[str, str]) -> dict[str, str]:
    """The code of each failed result, by the photo's name."""
    results = rig.results()
    return {name: (results[image_id]["error"] or {}).get("code", "scored") for name, image_id in ids.items()}


def test_photos_that_cost_too_much_fail_and_their_neighbours_are_scored(rig: FaultRig, photo: bytes) -> None:
    bombs = {
        "scans": (hostile.many_scans(4000, 2000), "too_costly"),
        "scans without an end": (hostile.many_scans(4000, 90)[:-2], "unreadable_image"),
        "pieces": (hostile.many_pieces(1_000_000), "too_costly"),
        "no header": (b"\x89PNG\r\n\x1a\n\0\0\0\0tRNS", "unreadable_image"),
        "segments": (hostile.many_segments(100_000), "too_costly"),
        "comment": (hostile.gif_comment(20_000_000), "too_costly"),
        "false size": (hostile.false_size("AVIF", 8_000), "unreadable_image"),
        "false HEIC": (hostile.false_size("HEIF", 2_000), "unreadable_image"),
    }
    ids = {name: rig.upload(1, data, copies=True)[0] for name, (data, _) in bombs.items()}
    good = rig.upload(30, photo)
    rig.start_worker()
    rig.account()
    assert error_codes(rig, ids) == {name: code for name, (_, code) in bombs.items()}
    assert {rig.results()[image_id]["status"] for image_id in good} == {"scored"}
    assert rig.audit.counts["redelivered"] == 0


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("segfault", "decoder_crashed"),
        ("abort", "decoder_crashed"),
        ("spin", "too_costly"),
        ("hang", "too_costly"),
        ("allocate", "too_costly"),
    ],
)
def test_a_photo_that_breaks_its_decoder_costs_its_neighbours_nothing(
    rig: FaultRig, photo: bytes, fault: str, code: str
) -> None:
    good = rig.upload(20, photo)
    (bad,) = rig.upload(1, breaking(photo, fault), copies=True)
    good += rig.upload(20, photo)
    rig.process(program=WORKER, decode_timeout="2").wait_for("polling")
    rig.account()
    assert error_codes(rig, {fault: bad}) == {fault: code}
    assert {rig.results()[image_id]["status"] for image_id in good} == {"scored"}
    assert rig.audit.counts["redelivered"] == 0


def test_copies_of_what_cost_too_much_are_not_decoded(rig: FaultRig, photo: bytes) -> None:
    worker = rig.process(program=WORKER, decode_timeout="2")
    worker.wait_for("polling")
    rig.upload(1, breaking(photo, "segfault"), copies=True)
    rig.wait_for_results(1)
    replaced = len(worker.events("decoder_replaced"))
    rig.upload(5, breaking(photo, "segfault"), copies=True)
    rig.account()
    assert len(worker.events("decoder_replaced")) == replaced


def test_a_decoder_killed_from_outside_costs_no_photo_anything(rig: FaultRig, photo: bytes) -> None:
    worker = rig.start_worker(decoders="2")
    for number in range(1, 11):
        rig.upload(8, photo)
        worker.decoders()[number % 2].kill()
        rig.wait_for_results(8 * number - 4)
    rig.account()
    assert rig.audit.counts["redelivered"] == 0


def test_a_killed_worker_leaves_no_decoder_behind(rig: FaultRig, photo: bytes) -> None:
    worker = rig.process(program=WORKER, decoders="2", decode_timeout="300")
    worker.wait_for("polling")
    decoders = worker.decoders()
    (image_id,) = rig.upload(1, breaking(photo, "spin"), copies=True)
    eventually(lambda: any(one.cpu_times().user > 0.3 for one in decoders), rig.describe)
    worker.kill()
    eventually(lambda: not any(one.is_running() for one in decoders), rig.describe)
    rig.process(program=WORKER, decode_timeout="2").wait_for("polling")
    rig.account()
    assert rig.results()[image_id]["error"]["code"] == "too_costly"


def test_a_stop_while_a_decoder_hangs_ends_by_its_deadline(rig: FaultRig, photo: bytes) -> None:
    worker = rig.process(program=WORKER, decode_timeout="300", visibility_timeout="300", drain_deadline="12")
    worker.wait_for("polling")
    decoders = worker.decoders()
    rig.upload(1, breaking(photo, "hang"), copies=True)
    eventually(lambda: rig.in_flight() == 1, rig.describe)
    worker.ask_to_stop()
    assert worker.wait() == 3
    assert rig.in_flight() == 0
    eventually(lambda: not any(one.is_running() for one in decoders), rig.describe)
    rig.process(program=WORKER, decode_timeout="2").wait_for("polling")
    rig.account()
