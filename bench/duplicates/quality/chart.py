"""The quality of the hashes as a picture: what is found and what is mistaken, by radius; the defaults are ringed."""

from collections.abc import Mapping, Sequence
from typing import Any

from bench.duplicates.quality.counts import POINTS, WIDEST
from docs import svg
from docs.svg import WIDTH, Place

COLOURS = {"phash": svg.BLUE, "dhash": svg.GREEN, "whash": svg.ORANGE, "pdq": svg.VIOLET}
LEFT, RIGHT = 64.0, WIDTH - 28.0
ROWS, ROW = 2, 20  # the legend: so many columns, pixels of a line
UPPER, LOWER = 190.0, 150.0  # heights of the two halves, pixels
LEAST, MOST = 1e-4, 0.1  # shares of wrong pairs that the axis shows; what is less stands at “none”
WRONG = (1e-4, 1e-3, 1e-2, 1e-1)
DROP = 22.0  # from the least share to “none”, pixels

Point = tuple[float, float]


def quality(measured: Mapping[str, Any]) -> str:
    """Draw the share of variants found, and below it the share of different pairs mistaken for one picture."""
    some = measured["algorithms"]
    top = 66.0 + ROW * -(-len(some) // ROWS) + 26
    low = top + UPPER + 56
    x = svg.linear(1 / WIDEST, LEFT, RIGHT)
    found, wrong = svg.linear(1, top + UPPER, top), _wrong(low, low + LOWER)
    parts = _legend(some)
    parts += _half(x, found, "variants of a photo found", [0, 0.25, 0.5, 0.75, 1])
    parts += _half(x, wrong, "pairs of different pictures called duplicates", WRONG, none=wrong(0))
    for name, one in reversed(some.items()):  # the default one is on top
        colour = COLOURS.get(name, svg.GREY)
        for counted, y in ((one["variants"]["all"], found), (one["different"]["gated"], wrong)):
            points = _points(counted, one["bits"], x, y)
            parts.append(svg.curve(points, colour, name))
            parts.append(_ring(x(one["radius"] / one["bits"]), y(_share(counted)), colour))
    base = wrong(0)
    for point in range(0, POINTS, 2):
        at = x(point / (POINTS - 1) / WIDEST)
        parts.append(svg.text(at, base + 19, str(point), anchor="middle"))
    words = "radius: bits of 64 that may differ (of pdq's 256: four times as many)"
    parts.append(svg.text((LEFT + RIGHT) / 2, base + 40, words, style="s", anchor="middle"))
    return svg.picture(base + 54, "Which photos are called duplicates", _subtitle(measured), parts)


def _subtitle(measured: Mapping[str, Any]) -> str:
    one = next(iter(measured["algorithms"].values()))
    variants, pairs = one["variants"]["all"]["count"], one["different"]["gated"]["count"]
    return f"by radius: {variants:,} variants of {measured['photos']} photos, {pairs:,} pairs; default radius ringed"


def _legend(some: Mapping[str, Any]) -> list[str]:
    """Colour, name and what the default radius gives."""
    parts = list[str]()
    for place, (name, one) in enumerate(some.items()):
        x, y = 20 + (WIDTH - 40) / ROWS * (place % ROWS), 62 + ROW * (place // ROWS)
        all_of_it, pairs = one["variants"]["all"], one["different"]["gated"]
        mistaken = f"{_share(pairs):.2%} mistaken" if pairs["within_default"] else "none mistaken"
        words = f"{name}, radius {one['radius']}: {_share(all_of_it):.1%} found, {mistaken}"
        parts.append(svg.bar(x, y, 12, 12, COLOURS.get(name, svg.GREY), says=name))
        parts.append(svg.text(x + 18, y + 11, words, style="s"))
    return parts


def _half(x: Place, y: Place, title: str, marks: Sequence[float], none: float | None = None) -> list[str]:
    parts = [svg.text(LEFT, y(marks[-1]) - 12, title)]
    for mark in marks:
        parts.append(svg.rule(x(0), y(mark), x(1 / WIDEST), y(mark)))
        parts.append(svg.text(LEFT - 10, y(mark) + 4, f"{100 * mark:g} %", style="s", anchor="end"))
    if none is not None:
        parts.append(svg.rule(x(0), none, x(1 / WIDEST), none))
        parts.append(svg.text(LEFT - 10, none + 4, "none", style="s", anchor="end"))
    return parts


def _wrong(top: float, base: float) -> Place:
    """A logarithmic scale with a place below it for what did not happen at all."""
    scale = svg.logarithmic(LEAST, MOST, base, top)
    return lambda share: scale(share) if share else base + DROP


def _points(counted: Mapping[str, Any], bits: int, x: Place, y: Place) -> list[Point]:
    whole = counted["count"]
    return [(x(int(radius) / bits), y(count / whole)) for radius, count in counted["within"].items()]


def _share(counted: Mapping[str, Any]) -> float:
    return float(counted["within_default"] / counted["count"])


def _ring(x: float, y: float, colour: str) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="9" fill="none" stroke="{colour}" stroke-width="2.5"/>'
