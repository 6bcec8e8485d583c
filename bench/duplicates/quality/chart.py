"""The quality of the hashes as a picture: photos found and photos confused, by radius."""

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from bench.duplicates.quality.counts import POINTS, WIDEST
from docs.tools import plot

COLOURS = {"phash": plot.BLUE, "dhash": plot.GREEN, "whash": plot.ORANGE, "pdq": plot.VIOLET}
# Shares of wrong pairs on the axis; less than the first is drawn near “none”.
WRONG = (1e-4, 1e-3, 1e-2, 1e-1)


def quality(measured: Mapping[str, Any]) -> Figure:
    """Draw the share of variants found, and below it that of different pairs called duplicates."""
    some = measured["algorithms"]
    figure, [found, wrong] = plot.panels(
        "Which photos are called duplicates", _subtitle(measured), [190, 172], top=132
    )
    found.set_title("variants of a photo found", color=plot.INK, size=13)
    wrong.set_title("pairs of different pictures called duplicates", color=plot.INK, size=13)
    scale_shares_of_wrong_pairs(wrong)
    for name, one in reversed(some.items()):  # the default algorithm is on top
        _draw(found, name, one, one["variants"]["all"])
        _draw(wrong, name, one, one["different"]["gated"])
    handles, labels = found.get_legend_handles_labels()
    figure.legend(handles[::-1], labels[::-1], loc="upper left", bbox_to_anchor=(0.01, 0.9), ncols=2)
    found.yaxis.set_major_formatter(PercentFormatter(1))
    found.set_yticks([0, 0.25, 0.5, 0.75, 1])
    points = range(0, POINTS, 2)
    for half in (found, wrong):
        half.set_xticks([point / (POINTS - 1) / WIDEST for point in points], map(str, points))
    wrong.set_xlabel("radius: bits of 64 that may differ (of pdq's 256: four times as many)")
    return figure


def scale_shares_of_wrong_pairs(wrong: Axes) -> None:
    """Set a logarithmic scale with a place below it for “none”."""
    wrong.set_yscale("symlog", linthresh=WRONG[0], linscale=0.4)
    wrong.set_ylim(0, WRONG[-1])
    wrong.set_yticks([0, *WRONG], ["none", *(f"{100 * share:g} %" for share in WRONG)])
    wrong.minorticks_off()


def _draw(half: Axes, name: str, one: Mapping[str, Any], counted: Mapping[str, Any]) -> None:
    """Draw one algorithm's line, and a ring at its default radius."""
    colour = COLOURS.get(name, plot.GREY)
    radii = [int(radius) / one["bits"] for radius in counted["within"]]
    shares = [count / counted["count"] for count in counted["within"].values()]
    half.plot(radii, shares, "o-", color=colour, label=_legend(name, one), clip_on=False)
    ring = one["radius"] / one["bits"], _share(counted)
    half.plot(*ring, "o", markersize=18, markerfacecolor="none", color=colour, clip_on=False, mew=2.5)


def _legend(name: str, one: Mapping[str, Any]) -> str:
    pairs = one["different"]["gated"]
    mistaken = f"{_share(pairs):.2%} mistaken" if pairs["within_default"] else "none mistaken"
    return f"{name}, radius {one['radius']}: {_share(one['variants']['all']):.1%} found, {mistaken}"


def _subtitle(measured: Mapping[str, Any]) -> str:
    one = next(iter(measured["algorithms"].values()))
    variants, pairs = one["variants"]["all"]["count"], one["different"]["gated"]["count"]
    return f"by radius: {variants:,} variants of {measured['photos']} photos, {pairs:,} pairs; default radius ringed"


def _share(counted: Mapping[str, Any]) -> float:
    return float(counted["within_default"] / counted["count"])
