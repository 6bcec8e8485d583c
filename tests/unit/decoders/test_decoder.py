"""What becomes of photos that cost too much or end their decoder, and of the photos beside them."""

import io
import os
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import numpy as np
import psutil
import pytest
from PIL import Image

from bench.hostile import photos as hostile
from tests.support import heic, icc
from tests.support.faults.planting import PLANTED, breaking
from tests.support.waiting import eventually
from worker.decoders.decoder import Decoder
from worker.decoders.nursery import Job, Nursery
from worker.decoders.process import MOST_AT_ONCE, DecoderProcess
from worker.errors import (
    DecoderCrashedError,
    DecoderStartError,
    EmptyObjectError,
    MessageError,
    OutOfMemoryError,
    TooCostlyError,
    TooManyPixelsError,
    UnreadableImageError,
    UnsupportedFormatError,
)
from worker.photos import decoding, opening
from worker.photos.decoding import Target
from worker.telemetry.counters import Telemetry

TARGET = Target(32, 48, "crop")
MAX_PIXELS = 4_000_000
PHOTO = hostile.tiny("JPEG")


def make_decoder(
    at_once: int = 1, timeout: float = 30.0, *, convert_colours: bool = True, embedded_thumbnails: bool = True
) -> Decoder:
    return Decoder(
        Nursery("phash"),
        TARGET,
        max_bytes=2_000_000,
        max_pixels=MAX_PIXELS,
        convert_colours=convert_colours,
        embedded_thumbnails=embedded_thumbnails,
        at_once=at_once,
        timeout=timeout,
        telemetry=Telemetry(),
    )


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    """A decoder with one process, in which photos can have planted faults."""
    sys.path.insert(0, str(PLANTED))
    try:
        with closing(make_decoder()) as made:
            made.start()
            yield made
    finally:
        sys.path.remove(str(PLANTED))


def processes(decoder: Decoder) -> list[psutil.Process]:
    """The decoder's processes that run now."""
    return [child for child in psutil.Process(decoder.nursery.pid).children() if is_alive(child)]


def is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:  # it ended just now
        return False


def count_replaced(decoder: Decoder) -> int:
    return decoder.telemetry.counts.get("decoder_replaced", 0)


# what a decoder gives


@pytest.mark.parametrize("image_format", opening.FORMATS)
def test_pixels_and_look_are_those_of_decoding_in_this_process(decoder: Decoder, image_format: str) -> None:
    data = hostile.tiny(image_format)
    pixels, look = decoding.prepare(data, TARGET, MAX_PIXELS)
    decoded = decoder.decode([data])
    assert np.array_equal(decoded.pixels, pixels)
    assert decoded.look == look
    assert decoded.decoded == "photo"
    assert None not in look
    assert decoded.seconds > 0


@pytest.mark.parametrize("convert_colours", [True, False])
def test_colours_are_converted_if_the_job_says_so(convert_colours: bool) -> None:
    stream = io.BytesIO()
    profile = icc.rgb(icc.DISPLAY_P3, icc.SRGB_CURVE)
    Image.new("RGB", (64, 64), (200, 60, 40)).save(stream, "PNG", icc_profile=profile)
    with closing(make_decoder(convert_colours=convert_colours)) as decoder:
        decoder.start()
        shown = decoder.decode([stream.getvalue()]).pixels
    assert ((shown == (200, 60, 40)).all()) is np.bool_(not convert_colours)


@pytest.mark.parametrize("embedded_thumbnails", [True, False])
def test_a_thumbnail_is_decoded_if_the_job_says_so(embedded_thumbnails: bool) -> None:
    photo, thumbnail = heic.picture((320, 256), heic.BLUE), heic.picture((160, 128), heic.RED, of=[1])
    with closing(make_decoder(embedded_thumbnails=embedded_thumbnails)) as decoder:
        decoder.start()
        found = decoder.decode([heic.file(photo, thumbnail)])
    shown = np.array(heic.RED if embedded_thumbnails else heic.BLUE)
    assert np.abs(found.pixels - shown).max() < 20
    assert found.decoded == ("thumbnail" if embedded_thumbnails else "photo")


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", EmptyObjectError),
        (b"%PDF-1.4", UnsupportedFormatError),
        (PHOTO[:200], UnreadableImageError),
        (hostile.many_scans(2008, 1), TooManyPixelsError),
    ],
)
def test_a_bad_photo_has_the_error_of_decoding_and_costs_no_process(
    decoder: Decoder, data: bytes, kind: type[MessageError]
) -> None:
    before = processes(decoder)
    with pytest.raises(kind) as raised:
        decoder.decode([data])
    with pytest.raises(kind) as expected:
        decoding.prepare(data, TARGET, MAX_PIXELS)
    assert str(raised.value) == str(expected.value)
    assert processes(decoder) == before


def test_a_photo_after_a_larger_one_has_its_own_bytes(decoder: Decoder) -> None:
    large = hostile.tiny("PNG") + bytes(1_900_000)
    small = decoding.prepare(PHOTO, TARGET, MAX_PIXELS)[0]
    decoder.decode([large])
    assert np.array_equal(decoder.decode([PHOTO]).pixels, small)


def test_a_photo_that_arrived_byte_by_byte_is_the_same_photo(decoder: Decoder) -> None:
    assert len(PHOTO) > MOST_AT_ONCE, "one call must not be enough to write it"
    pieces = [bytes([byte]) for byte in PHOTO]
    assert np.array_equal(decoder.decode(pieces).pixels, decoder.decode([PHOTO]).pixels)


# photos that break it


@pytest.mark.parametrize(
    ("fault", "kind", "replaced"),
    [
        ("segfault", DecoderCrashedError, 2),
        ("abort", DecoderCrashedError, 2),
        ("exit", DecoderCrashedError, 2),
        ("flood", OutOfMemoryError, 2),  # its end is not told
        ("killed", OutOfMemoryError, 2),
        ("allocate", TooCostlyError, 0),
        *(
            (lie, DecoderCrashedError, 2)
            for lie in ("hash", "colours", "number", "no colours", "no hash", "part")
        ),
    ],
)
def test_a_photo_that_breaks_its_decoder_fails_after_a_second_try_and_the_next_one_is_decoded(
    decoder: Decoder, fault: str, kind: type[MessageError], replaced: int
) -> None:
    before = count_replaced(decoder)
    with pytest.raises(kind):
        decoder.decode([breaking(PHOTO, fault)])
    assert count_replaced(decoder) == before + replaced
    assert decoder.decode([PHOTO]).pixels.shape == (32, 48, 3)


@pytest.mark.parametrize(("fault", "tries"), [("spin", {1, 2}), ("hang", {2})])  # 2 also on a busy machine
def test_a_photo_that_takes_too_long_is_ended_and_one_that_used_no_cpu_gets_a_second_try(
    decoder: Decoder, monkeypatch: pytest.MonkeyPatch, fault: str, tries: set[int]
) -> None:
    before, beats = count_replaced(decoder), list[None]()
    monkeypatch.setattr(decoder, "timeout", 1.2)
    with pytest.raises(TooCostlyError, match="took too long"):
        decoder.decode([breaking(PHOTO, fault)], alive=lambda: beats.append(None))
    assert count_replaced(decoder) - before in tries
    assert beats, "a thread that waits must not look hung"
    monkeypatch.setattr(decoder, "timeout", 30.0)
    decoder.decode([PHOTO])
    eventually(lambda: len(processes(decoder)) == 1, lambda: processes(decoder))


def test_what_cost_too_much_is_remembered_by_its_bytes(decoder: Decoder) -> None:
    data = breaking(PHOTO, "segfault")
    with pytest.raises(DecoderCrashedError):
        decoder.decode([data], "its SHA-256")
    before = count_replaced(decoder)
    with pytest.raises(DecoderCrashedError):
        decoder.decode([data], "its SHA-256")
    assert count_replaced(decoder) == before


def test_copies_that_wait_together_are_decoded_once(decoder: Decoder) -> None:
    before, data = count_replaced(decoder), breaking(PHOTO, "abort")
    with ThreadPoolExecutor(8) as pool:
        copies = [pool.submit(decoder.decode, [data], "another SHA-256") for _ in range(8)]
        assert {type(copy.exception(60)) for copy in copies} == {DecoderCrashedError}
    assert (
        count_replaced(decoder) <= before + 4
    )  # two tries, and those that began before the first had failed


def test_what_a_decoder_says_of_a_photo_can_be_written_anywhere(
    decoder: Decoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    lie = {"error": "unreadable_image", "text": "\ud800" + "x" * 4000}
    monkeypatch.setattr(DecoderProcess, "decode", lambda *_: lie)
    with pytest.raises(UnreadableImageError) as raised:
        decoder.decode([PHOTO])
    assert len(str(raised.value).encode()) <= 1200


def test_a_decoder_killed_while_it_starts_is_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(make_decoder()) as decoder:
        start, kills = decoder.nursery.start, [2]

        def start_and_kill(job: Job) -> DecoderProcess:
            process = start(job)
            if kills[0]:
                kills[0] -= 1
                os.kill(decoder.nursery.pid, signal.SIGKILL)  # and with it the process that it forks
            return process

        monkeypatch.setattr(decoder.nursery, "start", start_and_kill)
        assert decoder.decode([PHOTO]).pixels.shape == (32, 48, 3)


def test_a_photo_is_tried_again_alone() -> None:
    with closing(make_decoder(at_once=2)) as decoder, ThreadPoolExecutor(4) as pool:
        decoder.start()
        first, second = threading.Event(), threading.Event()
        with decoder._crew.one(lambda: None):
            waits = [pool.submit(_hold, decoder, event) for event in (first,)]
            assert not first.wait(0.2), "another photo is being decoded"
            other = pool.submit(_decode_after, decoder, second)
            assert not second.wait(0.2), "photos wait for the one that needs to be alone"
        for future in [*waits, other]:
            future.result(30)


def _hold(decoder: Decoder, entered: threading.Event) -> None:
    with decoder._crew.one_alone(lambda: None):
        entered.set()


def _decode_after(decoder: Decoder, done: threading.Event) -> None:
    decoder.decode([PHOTO])
    done.set()


def test_good_photos_beside_bad_ones_are_all_decoded() -> None:
    sys.path.insert(0, str(PLANTED))
    with closing(make_decoder(at_once=2)) as decoder, ThreadPoolExecutor(8) as pool:
        sys.path.remove(str(PLANTED))
        expected = decoding.prepare(PHOTO, TARGET, MAX_PIXELS)[0]
        bad = [pool.submit(decoder.decode, [breaking(PHOTO, "segfault")]) for _ in range(10)]
        good = [pool.submit(decoder.decode, [PHOTO]) for _ in range(40)]
        assert all(np.array_equal(one.result(60).pixels, expected) for one in good)
        assert {type(one.exception(60)) for one in bad} == {DecoderCrashedError}


def test_decoders_killed_from_outside_again_and_again_lose_no_photo() -> None:
    with closing(make_decoder(at_once=2)) as decoder, ThreadPoolExecutor(4) as pool:
        decoder.start()
        for number in range(20):
            done = [pool.submit(decoder.decode, [PHOTO]) for _ in range(100)]
            eventually(lambda: len(processes(decoder)) == 2, lambda: processes(decoder))
            process = processes(decoder)[number % 2]
            process.kill()
            process.wait(10)
            # Only then the next one: a photo whose decoder is killed twice is given up.
            assert {one.result(60).pixels.shape for one in done} == {(32, 48, 3)}


def test_a_zygote_that_was_killed_is_started_again() -> None:
    with closing(make_decoder()) as decoder:
        decoder.start()
        (process,) = processes(decoder)
        os.kill(decoder.nursery.pid, signal.SIGKILL)
        process.wait(10)  # it ends with the zygote
        decoder.decode([PHOTO])
        assert len(processes(decoder)) == 1


def test_a_decoder_that_cannot_start_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with closing(make_decoder()) as decoder:
        with pytest.raises(DecoderStartError, match="no decoder process"):
            decoder.start()
        for _ in range(2):
            with pytest.raises(DecoderStartError):
                decoder.decode([PHOTO])
