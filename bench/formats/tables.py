"""Formats and thumbnails as tables, and their aims."""

from collections.abc import Iterator, Mapping
from typing import Any

from bench.aims import Aim
from bench.formats.costs import THUMBNAIL
from docs.tools.table import Table
from worker.photos.hashes import PHASH

MOST_MS, MOST_DIFFERENCE, LEAST_SHARE = 20, 0.05, 0.95


def formats(part: Mapping[str, Any]) -> Table:
    """Return the table of formats."""
    plain = part["formats"]["JPEG"]["decode_cpu_ms"]
    rows = [
        (
            label,
            f"{row['mb']:.1f}",
            f"{row['decode_cpu_ms']:.0f} ({row['least_ms']:.0f}–{row['most_ms']:.0f})",
            f"{row['decode_cpu_ms'] / plain:.1f} ×",
        )
        for label, row in part["formats"].items()
    ]
    title = "From bytes to pixels and hash: a photo of 12 megapixels in each format"
    return Table(title, ("", "MB", "CPU ms, median (minimum–maximum)", "compared with JPEG"), rows)


def thumbnails(part: Mapping[str, Any]) -> Table:
    """Return the table of what differs between thumbnails and their photos."""
    rows = [
        (
            kind,
            str(row["photos"]),
            f"{row['mean_difference']:.3f} · {row['most_difference']:.3f}",
            str(row["other_scores"]),
            f"{row['bits_mean']:.1f} · {row['bits_most']}",
            f"{row['within_radius']:.1%}",
            f"{row['near']:.1%}",
        )
        for kind, row in part["thumbnails"].items()
    ]
    columns = (
        "photos",
        "number",
        "difference of `score_mean`: mean · most",
        "another score",
        "bits that differ: mean · most",
        f"within {PHASH.radius} bits",
        "found as the same photo",
    )
    return Table("HEIC: the thumbnail in place of its photo", columns, rows)


def aims(part: Mapping[str, Any]) -> Iterator[Aim]:
    """Yield the aims of both."""
    cost, everything = part["formats"][THUMBNAIL]["decode_cpu_ms"], part["thumbnails"]["all"]
    yield Aim(f"CPU of a {THUMBNAIL}, 12 MP", cost, "≤", MOST_MS, "{:.0f} ms")
    difference = everything["mean_difference"]
    yield Aim(
        "thumbnail beside photo: mean difference of the score", difference, "≤", MOST_DIFFERENCE, "{:.3f}"
    )
    what = f"thumbnails whose hash is within {PHASH.radius} bits of the photo's"
    yield Aim(what, everything["within_radius"], "≥", LEAST_SHARE, "{:.1%}")
