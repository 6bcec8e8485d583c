"""Photos of other colour spaces look as in a browser. Expected colours are computed here, from the standards."""

import io
import struct
import time
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.support import icc
from worker.photos import colour, decoding, png
from worker.photos.colour import Colours
from worker.photos.nclx import code_points

Floats = npt.NDArray[np.float64]
TARGET = decoding.Target(64, 64, "squash")
MAX_PIXELS = 4_000_000
XYZ_D65 = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
SAMPLES = sorted((Path(__file__).parents[3] / "localstack" / "photos").glob("*.[hjp]*[cg]"))


def patches() -> npt.NDArray[np.uint8]:
    """64 colours in blocks of 8 × 8, muted enough to be within sRGB in any of the spaces."""
    levels = np.array([90, 110, 130, 150], np.uint8)
    colours = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), -1).reshape(8, 8, 3)
    return colours.repeat(8, 0).repeat(8, 1)


PATCHES = patches()


def encode(image_format: str, pixels: npt.NDArray[np.uint8] = PATCHES, **options: object) -> bytes:
    stream = io.BytesIO()
    lossless: dict[str, dict[str, object]] = {
        "JPEG": {"quality": 100, "subsampling": "4:4:4"},
        "WEBP": {"lossless": True, "exact": True},
    }
    exact: dict[str, dict[str, object]] = {
        "AVIF": {"quality": 100, "subsampling": "4:4:4"},
        "HEIF": {"quality": 100, "chroma": 444},
    }
    Image.fromarray(pixels).save(
        stream, image_format, **{**lossless, **exact}.get(image_format, {}), **options
    )
    return stream.getvalue()


def shown(data: bytes, *, convert: bool = True) -> npt.NDArray[np.uint8]:
    """The middle of each block."""
    return decoding.prepare(data, TARGET, MAX_PIXELS, convert_colours=convert)[0][4::8, 4::8]


def srgb_light(coded: Floats) -> Floats:
    return np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)


def srgb_code(light: Floats) -> Floats:
    clipped = light.clip(0, 1)
    return 255 * np.where(clipped <= 0.0031308, clipped * 12.92, 1.055 * clipped ** (1 / 2.4) - 0.055)


def lab(rgb: npt.ArrayLike) -> Floats:
    """CIELAB of sRGB 0 … 255."""
    ratios = srgb_light(np.asarray(rgb, float) / 255) @ XYZ_D65.T / XYZ_D65.sum(1)
    f = np.where(ratios > 216 / 24389, np.cbrt(ratios), ratios * 841 / 108 + 4 / 29)
    x, y, z = np.moveaxis(f, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)


def far(one: npt.ArrayLike, other: npt.ArrayLike) -> float:
    """The largest ΔE (CIE 1976)."""
    return float(np.sqrt(np.square(lab(one) - lab(other)).sum(-1)).max())


def expected(primaries: tuple[float, ...], light: Floats) -> Floats:
    """sRGB of linear light. All whites are D65, so nothing is adapted."""
    x, y = np.array(primaries).reshape(4, 2).T
    columns = np.stack([x / y, np.ones(4), (1 - x - y) / y])
    to_xyz = columns[:, :3] * np.linalg.solve(columns[:, :3], columns[:, 3])
    return srgb_code(light @ (np.linalg.inv(XYZ_D65) @ to_xyz).T)


MIDDLES = PATCHES[4::8, 4::8] / 255
SPACES = {
    "Display P3": (icc.DISPLAY_P3, icc.SRGB_CURVE, srgb_light(MIDDLES)),
    "Adobe RGB": (icc.ADOBE_RGB, [563 / 256], MIDDLES ** (563 / 256)),
    "Rec. 2020": (icc.REC_2020, [2.4], MIDDLES**2.4),
}


# ICC profiles


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "AVIF", "HEIF"])
def test_a_profile_gives_the_colours_that_it_means(image_format: str, space: str) -> None:
    primaries, curve, light = SPACES[space]
    data = encode(image_format, icc_profile=icc.rgb(primaries, curve))
    right = expected(primaries, light)
    assert far(shown(data), right) < {"PNG": 0.8, "WEBP": 0.8}.get(image_format, 3.5)
    assert far(shown(data, convert=False), right) > 4


def test_a_grey_profile_gives_its_shades() -> None:
    ramp = np.linspace(20, 235, 64).astype(np.uint8).reshape(8, 8).repeat(8, 0).repeat(8, 1)
    data = encode("PNG", ramp, icc_profile=icc.grey(1.8))
    right = srgb_code((ramp[4::8, 4::8, None] / 255) ** 1.8).repeat(3, -1)
    assert far(shown(data), right) < 0.8
    assert far(shown(data, convert=False), right) > 4


def test_a_grey_photo_takes_the_curve_of_a_colour_profile() -> None:
    ramp = np.linspace(20, 235, 64).astype(np.uint8).reshape(8, 8).repeat(8, 0).repeat(8, 1)
    data = encode("PNG", ramp, icc_profile=icc.rgb(icc.ADOBE_RGB, [1.8]))
    assert far(shown(data), srgb_code((ramp[4::8, 4::8, None] / 255) ** 1.8).repeat(3, -1)) < 0.8


def test_inks_have_the_colours_that_the_profile_says() -> None:
    """Without blends: each block is of full inks or of none, whose Lab the table has."""
    inks = np.indices((2, 2, 2, 2)).reshape(4, 16).T
    generator = np.random.default_rng(4)
    table = np.stack([generator.uniform(30, 80, 16), *generator.uniform(-15, 15, (2, 16))], -1).reshape(
        2, 2, 2, 2, 3
    )
    table[0, 0, 0, 0] = (100, 0, 0)  # paper
    table[0, 0, 0, 1] = table[1, 1, 1, 1] = (0, 0, 0)
    blocks = np.resize(inks, (64, 4)).reshape(8, 8, 4).repeat(8, 0).repeat(8, 1).astype(np.uint8) * 255
    stream = io.BytesIO()
    image = Image.fromarray(blocks, "CMYK")
    image.save(stream, "JPEG", quality=100, subsampling="4:4:4", icc_profile=icc.cmyk(table))
    wanted = np.resize(table.reshape(16, 3), (64, 3)).reshape(8, 8, 3)
    found = lab(shown(stream.getvalue()))
    apart = np.sqrt(np.square(found - wanted).sum(-1))
    assert apart.max() < 4  # 100 % quality is not lossless
    assert np.sqrt(np.square(lab(shown(stream.getvalue(), convert=False)) - wanted).sum(-1)).max() > 15


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "AVIF", "HEIF"])
@pytest.mark.parametrize(
    "profile",
    [
        b"rubbish",
        bytes(200),
        icc.rgb(icc.DISPLAY_P3, icc.SRGB_CURVE)[:300],
        icc.rgb(icc.DISPLAY_P3, icc.SRGB_CURVE).replace(b"para", b"xxxx"),
        icc.cmyk(np.zeros((2, 2, 2, 2, 3))),
        icc.grey(1.8),
    ],
    ids=["rubbish", "zeros", "cut short", "no curves", "for inks", "for grey"],
)
def test_a_profile_of_no_use_counts_as_srgb(image_format: str, profile: bytes) -> None:
    assert (shown(encode(image_format, icc_profile=profile)) == shown(encode(image_format))).all()


def test_a_profile_that_is_too_large_counts_as_srgb() -> None:
    profile = icc.rgb(icc.DISPLAY_P3, icc.SRGB_CURVE, abcd=bytes(colour.MOST_PROFILE))
    assert (shown(encode("PNG", icc_profile=profile)) == shown(encode("PNG"))).all()


def test_srgbs_own_profile_changes_nothing_and_costs_nothing() -> None:
    assert colour.conversion("RGB", icc.rgb(icc.SRGB, icc.SRGB_CURVE)) is None
    assert colour.conversion("L", icc.grey(2.2)) is not None


def test_a_profile_of_many_steps_costs_nothing() -> None:
    """Without care: more than ten seconds."""
    step = b"matf" + bytes(4) + struct.pack(">HH12f", 3, 3, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0)
    number = 10_000
    places = struct.pack(">II", 16 + 8 * number, len(step)) * number
    steps = b"mpet" + bytes(4) + struct.pack(">HHI", 3, 3, number) + places + step
    begun = time.process_time()
    convert = colour.conversion("RGB", icc.rgb(icc.DISPLAY_P3, icc.SRGB_CURVE, D2B0=steps))
    assert time.process_time() - begun < 2
    plain = colour.conversion("RGB", icc.rgb(icc.DISPLAY_P3, icc.SRGB_CURVE))
    assert convert is not None
    assert plain is not None
    assert convert(Image.fromarray(PATCHES)).tobytes() == plain(Image.fromarray(PATCHES)).tobytes()


def test_few_profiles_are_kept() -> None:
    for number in range(3 * colour.CACHED):
        colour.conversion("RGB", icc.rgb(icc.DISPLAY_P3, [2 + number / 100]))
    assert len(colour._transforms) == colour.CACHED


@settings(deadline=None)
@given(st.data())
def test_a_damaged_profile_never_costs_the_photo(data: st.DataObject) -> None:
    generator = np.random.default_rng(1)
    seeds = [
        icc.rgb(icc.DISPLAY_P3, icc.SRGB_CURVE),
        icc.cmyk(generator.uniform(0, 60, (2, 2, 2, 2, 3))),
        icc.grey(2),
    ]
    profile = bytearray(data.draw(st.sampled_from(seeds)))
    for _ in range(data.draw(st.integers(1, 6))):
        profile[data.draw(st.integers(0, len(profile) - 1))] = data.draw(st.integers(0, 255))
    begun = time.process_time()
    for mode in ("RGB", "L", "CMYK"):
        convert = colour.conversion(mode, bytes(profile))
        if convert is not None:
            assert convert(Image.new(mode, (8, 8))).mode == "RGB"
    assert time.process_time() - begun < 2


# code points, and HDR


def pq_code(nits: Floats) -> Floats:
    """SMPTE ST 2084."""
    y = (nits / 10_000) ** 0.1593017578125
    return np.asarray(((0.8359375 + 18.8515625 * y) / (1 + 18.6875 * y)) ** 78.84375)


def hlg_code(scene: Floats) -> Floats:
    """ITU-R BT.2100."""
    upper = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), upper)


def compressed(nits: Floats) -> Floats:
    """Reinhard's curve over the brightest channel: 203 cd/m² is white, 1,000 the most."""
    light = nits / 203
    most = light.max(-1, keepdims=True)
    return np.asarray(light * (1 + most * (203 / 1000) ** 2) / (1 + most))


def png_with(*chunks: tuple[bytes, bytes], pixels: npt.NDArray[np.uint8] = PATCHES) -> bytes:
    plain = encode("PNG", pixels)
    coded = b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )
    return plain[:33] + coded + plain[33:]


def blocks(codes: Floats) -> npt.NDArray[np.uint8]:
    return np.rint(codes * 255).astype(np.uint8).reshape(8, 8, 3).repeat(8, 0).repeat(8, 1)


def test_pq_is_mapped_to_sdr() -> None:
    nits = np.geomspace(2, 1000, 64)[:, None] * np.array([1.0, 0.9, 0.8])
    data = png_with((b"cICP", bytes([9, 16, 0, 1])), pixels=blocks(pq_code(nits)))
    right = expected(icc.REC_2020, compressed(nits)).reshape(8, 8, 3)
    assert far(shown(data), right) < 3.5  # 8 bits of PQ are coarse: half a step is 1 to 2
    assert far(shown(data, convert=False), right) > 20
    assert (np.diff(shown(data).reshape(64, 3)[:, 1].astype(int)) >= 0).all()


def test_hlg_is_mapped_to_sdr() -> None:
    scene = np.linspace(0.02, 1, 64)[:, None] * np.array([1.0, 0.9, 0.8])
    luminance = scene @ np.array([0.2627, 0.6780, 0.0593])
    data = png_with((b"cICP", bytes([9, 18, 0, 1])), pixels=blocks(hlg_code(scene)))
    right = expected(icc.REC_2020, compressed(1000 * luminance[:, None] ** 0.2 * scene)).reshape(8, 8, 3)
    assert far(shown(data), right) < 3


def test_an_hdr_profile_that_names_its_code_points_counts_as_these() -> None:
    nits = np.geomspace(2, 1000, 64)[:, None] * np.array([1.0, 0.9, 0.8])
    profile = icc.rgb(icc.REC_2020, [2.2], cicp=icc.code_points(9, 16))
    pixels = blocks(pq_code(nits))
    by_chunk = shown(png_with((b"cICP", bytes([9, 16, 0, 1])), pixels=pixels))
    assert (shown(encode("PNG", pixels, icc_profile=profile)) == by_chunk).all()


@pytest.mark.parametrize(("primaries", "transfer"), [(12, 13), (9, 16), (9, 18)])
def test_heif_and_avif_tell_the_same_by_nclx(primaries: int, transfer: int) -> None:
    right = shown(png_with((b"cICP", bytes([primaries, transfer, 0, 1]))))
    plain = encode("AVIF")
    at = plain.index(b"nclx") + 4
    avif = plain[:at] + struct.pack(">HH", primaries, transfer) + plain[at + 4 :]
    assert code_points(avif) == (primaries, transfer)
    heif = encode("HEIF", color_primaries=primaries, transfer_characteristics=transfer)
    for data in (avif, heif):
        assert far(shown(data), right) < 6  # a step of their YCbCr
        assert np.abs(shown(data).astype(int) - right).mean() < 2
        assert far(shown(data, convert=False), right) > 4


def test_a_sequence_of_avif_has_code_points_too() -> None:
    plain = encode("AVIF", save_all=True, append_images=[Image.new("RGB", (64, 64))])
    moved = plain.replace(b"nclx" + struct.pack(">HH", 1, 13), b"nclx" + struct.pack(">HH", 12, 13))
    assert moved[8:12] == b"avis"
    assert code_points(moved) == (12, 13)
    assert code_points(plain) == (1, 13)


@pytest.mark.parametrize(("primaries", "transfer"), [(1, 13), (1, 1), (2, 2), (1, 6), (0, 0), (77, 99)])
def test_code_points_of_sdr_and_unknown_ones_change_nothing(primaries: int, transfer: int) -> None:
    assert (shown(png_with((b"cICP", bytes([primaries, transfer, 0, 1])))) == shown(encode("PNG"))).all()


# PNG's chunks


def chromaticities(primaries: tuple[float, ...]) -> bytes:
    order = (6, 7, 0, 1, 2, 3, 4, 5)
    return struct.pack(">8I", *(round(primaries[at] * 100_000) for at in order))


GAMMA = (b"gAMA", struct.pack(">I", round(100_000 / 1.8)))
CHROMA = (b"cHRM", chromaticities(icc.DISPLAY_P3))
PROFILE = (b"iCCP", b"p\0\0" + zlib.compress(icc.rgb(icc.ADOBE_RGB, [563 / 256])))
SRGB = (b"sRGB", b"\0")
CICP = (b"cICP", bytes([9, 8, 0, 1]))


def test_gamma_and_chromaticities_are_obeyed() -> None:
    assert far(shown(png_with(GAMMA)), srgb_code(MIDDLES**1.8)) < 0.8
    assert far(shown(png_with(GAMMA, CHROMA)), expected(icc.DISPLAY_P3, MIDDLES**1.8)) < 1.5
    usual = (b"gAMA", struct.pack(">I", 45_455))
    assert (shown(png_with(usual)) == shown(encode("PNG"))).all()


def colours(*chunks: tuple[bytes, bytes]) -> Colours:
    return png.read(png_with(*chunks)).colours


def test_the_chunk_that_counts_is_the_one_that_the_specification_says() -> None:
    for order in ((CICP, PROFILE, SRGB, GAMMA, CHROMA), (CHROMA, GAMMA, SRGB, PROFILE, CICP)):
        rest = list(order)
        for first in (CICP, PROFILE, SRGB):
            only = (first,) if first != SRGB else ()
            assert colours(*rest) == colours(*only)
            rest.remove(first)
        assert colours(*rest) == colours(GAMMA, CHROMA) is not None
    assert colours(CHROMA) is None


@pytest.mark.parametrize(
    "chunks",
    [
        [(b"gAMA", bytes(4))],
        [(b"gAMA", b"\0")],
        [(b"gAMA", struct.pack(">I", 45_455)), (b"cHRM", bytes(32))],
        [(b"gAMA", struct.pack(">I", 45_455)), (b"cHRM", b"\xff" * 32)],
        [(b"gAMA", struct.pack(">I", 45_455)), (b"cHRM", struct.pack(">8I", *[33_333] * 8))],
        [(b"cICP", b"\1")],
        [(b"iCCP", b"p\0\0rubbish")],
        [(b"iCCP", b"")],
    ],
)
def test_chunks_that_make_no_sense_change_nothing(chunks: list[tuple[bytes, bytes]]) -> None:
    assert (shown(png_with(*chunks)) == shown(encode("PNG"))).all()


# what must not change


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_the_sample_photos_stay_as_they_are(path: Path) -> None:
    target = decoding.Target(224, 224, "crop")
    converted, kept = (
        decoding.prepare(path.read_bytes(), target, MAX_PIXELS, convert_colours=convert)
        for convert in (True, False)
    )
    assert np.abs(converted[0].astype(int) - kept[0]).max() <= 2
    assert converted[1] == kept[1]


def test_a_large_photo_is_converted_like_a_small_one() -> None:
    profile = icc.rgb(icc.DISPLAY_P3, icc.SRGB_CURVE)
    large = encode("JPEG", PATCHES.repeat(20, 0).repeat(20, 1), icc_profile=profile)
    assert far(shown(large), expected(icc.DISPLAY_P3, srgb_light(MIDDLES))) < 2.5
