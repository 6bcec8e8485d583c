"""The bench of formats and thumbnails: what it compares, and its aims."""

import numpy as np
import pytest
from PIL import Image

from bench.formats import costs, likeness, tables
from bench.formats.costs import FORMATS, THUMBNAIL
from bench.processes import BenchError
from tests.support import heic, measured
from worker.messages import Pixels
from worker.photos import opening
from worker.photos.opening import open_photo
from worker.photos.thumbnails import decode_cheapest

SCENE = Image.fromarray(np.random.default_rng(1).integers(0, 256, (12, 16, 3), np.uint8)).resize((640, 480))


def redness(batch: Pixels) -> list[float]:
    """A model that scores how red photos are, 1 to 5."""
    return [1 + 4 * float(pixels[..., 0].mean()) / 255 for pixels in batch]


def test_every_format_but_gif_which_no_camera_writes_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(costs, "enlarge", lambda *_: SCENE)
    photos = costs.encode()
    assert {open_photo(data, 10**6).format for data in photos.values()} == {*opening.FORMATS} - {"GIF"}
    decoded = {
        label: decode_cheapest(open_photo(data, 10**6), data, costs.TARGET)[2]
        for label, data in photos.items()
    }
    assert decoded == dict.fromkeys(FORMATS, "photo") | {THUMBNAIL: "thumbnail"}
    assert all(costs.decode_cpu_ms(data) > 0 for data in photos.values())


@pytest.mark.parametrize("size", [(64, 48), (300, 200), (199, 301), (1_000, 700)])
@pytest.mark.parametrize("encode", [likeness.encode, likeness.encode_roughly])
def test_photos_of_any_size_have_a_thumbnail_that_is_as_good(
    encode: likeness.Encode, size: tuple[int, int]
) -> None:
    pair = likeness.compare(encode(SCENE.resize(size)), redness)
    assert pair.mean < 0.1
    assert not pair.is_other_score
    assert pair.is_near


def test_a_thumbnail_of_something_else_is_told_apart() -> None:
    other = SCENE.transpose(Image.Transpose.FLIP_LEFT_RIGHT).point([255 - value for value in range(256)] * 3)
    pair = likeness.compare(heic.with_thumbnail(SCENE, other.resize((320, 240))), redness)
    assert pair.mean > 0.1
    assert pair.bits > 6
    assert not pair.is_near


def test_a_photo_without_a_thumbnail_cannot_be_compared() -> None:
    with pytest.raises(BenchError, match="refused"):
        likeness.compare(heic.file(heic.picture((640, 480))), redness)


@pytest.mark.parametrize(
    ("part", "label", "changed", "missed"),
    [
        ("formats", "JPEG", {"decode_cpu_ms": 99.0}, 0),
        ("formats", THUMBNAIL, {"decode_cpu_ms": 20.1}, 1),
        ("thumbnails", "all", {"mean_difference": 0.051}, 1),
        ("thumbnails", "all", {"within_radius": 0.94}, 1),
        ("thumbnails", "12 MP", {"mean_difference": 0.9, "within_radius": 0.1}, 0),
    ],
)
def test_aims_are_of_the_thumbnail_and_of_all_photos(
    part: str, label: str, changed: dict[str, float], missed: int
) -> None:
    one = measured.formats()
    one[part][label] = {**one[part][label], **changed}
    verdicts = [aim.verdict for aim in tables.aims(one)]
    assert (verdicts.count("MISSED"), verdicts.count("met")) == (missed, 3 - missed)
