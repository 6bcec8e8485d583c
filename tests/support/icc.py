"""Builds ICC profiles (ICC.1:2010), so that tests know what is in them."""

import struct
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

D50 = (0.9642, 1.0, 0.8249)
SRGB = (0.640, 0.330, 0.300, 0.600, 0.150, 0.060, 0.3127, 0.3290)
DISPLAY_P3 = (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.3127, 0.3290)
ADOBE_RGB = (0.640, 0.330, 0.210, 0.710, 0.150, 0.060, 0.3127, 0.3290)
REC_2020 = (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, 0.3127, 0.3290)
SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def profile(space: bytes, tags: dict[bytes, bytes], *, pcs: bytes = b"XYZ ", kind: bytes = b"mntr") -> bytes:
    """Encode a profile."""
    tags = {b"desc": _text("test"), b"cprt": _text("none"), b"wtpt": xyz(D50), **tags}
    table, body = struct.pack(">I", len(tags)), b""
    start = 132 + 12 * len(tags)
    for name, content in tags.items():
        table += name + struct.pack(">II", start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    size = start + len(body)
    head = struct.pack(">I", size) + b"test" + b"\4\x20\0\0" + kind + space + pcs + bytes(12) + b"acsp"
    return head.ljust(68, b"\0") + b"".join(_fixed(value) for value in D50) + bytes(48) + table + body


def rgb(primaries: Sequence[float], curve: Sequence[float], **more: bytes) -> bytes:
    """A display's profile: primaries and white as x and y, and a parametric curve (10.18)."""
    matrix = adapted(primaries)
    tags = {name: xyz(matrix[:, at]) for at, name in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))}
    curves = dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), parametric(curve))
    return profile(b"RGB ", {**tags, **curves, **{name.encode(): tag for name, tag in more.items()}})


def grey(gamma: float) -> bytes:
    """A grey profile."""
    return profile(b"GRAY", {b"kTRC": parametric([gamma])})


def cmyk(lab: npt.NDArray[np.float64]) -> bytes:
    """A printer's profile: lab[c, m, y, k] at ink 0 and 1, L 0 … 100, a and b −128 … 127 (mft2, 10.10)."""
    codes = (lab + np.array([0, 128, 128])) * np.array([65280 / 100, 256, 256])
    table = np.rint(codes).astype(">u2").tobytes()
    identity = struct.pack(">HH", 0, 65535)
    matrix = b"".join(_fixed(value) for value in (1, 0, 0, 0, 1, 0, 0, 0, 1))
    body = b"mft2" + bytes(4) + bytes([4, 3, 2, 0]) + matrix + struct.pack(">HH", 2, 2)
    lut = body + identity * 4 + table + identity * 3
    return profile(b"CMYK", {b"A2B0": lut, b"A2B1": lut}, pcs=b"Lab ", kind=b"prtr").replace(
        b"\4\x20\0\0prtr", b"\2\x40\0\0prtr"
    )


def code_points(primaries: int, transfer: int) -> bytes:
    """The tag of H.273's code points (ICC.1:2022, 10.3)."""
    return b"cicp" + bytes(4) + bytes([primaries, transfer, 0, 1])


def parametric(numbers: Sequence[float]) -> bytes:
    """A curve: a gamma, or the five numbers of sRGB's kind."""
    kind = {1: 0, 5: 3}[len(numbers)]
    return b"para" + bytes(4) + struct.pack(">HH", kind, 0) + b"".join(map(_fixed, numbers))


def adapted(primaries: Sequence[float]) -> npt.NDArray[np.float64]:
    """The matrix from linear RGB to XYZ, adapted to D50."""
    points = np.array(primaries, float).reshape(4, 2)
    columns = np.array([[x / y, 1, (1 - x - y) / y] for x, y in points]).T
    matrix = columns[:, :3] * np.linalg.solve(columns[:, :3], columns[:, 3])
    gains = np.diag((BRADFORD @ D50) / (BRADFORD @ columns[:, 3]))
    return np.asarray(np.linalg.inv(BRADFORD) @ gains @ BRADFORD @ matrix)


def xyz(values: Sequence[float] | npt.NDArray[np.float64]) -> bytes:
    """Encode a colour."""
    return b"XYZ " + bytes(4) + b"".join(map(_fixed, values))


def _fixed(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


def _text(text: str) -> bytes:
    record = struct.pack(">II2s2sII", 1, 12, b"en", b"US", 2 * len(text), 28)
    return b"mluc" + bytes(4) + record + text.encode("utf-16-be")
