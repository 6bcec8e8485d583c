"""The quality of the hashes as tables: what each recognises, and what each confuses."""

from collections.abc import Mapping
from typing import Any

from bench.duplicates.quality.layouts import KEPT
from docs.tools.table import Table

SHOWN = range(0, 17, 2)  # positions of the radii: phash's distances are even


def quality(measured: Mapping[str, Any]) -> list[Table]:
    """Return the tables: found by transformation and by radius, in other colours, confused, without content."""
    return [
        _by_transformation(measured),
        _found(measured),
        _recoloured(measured),
        _layouts(measured),
        _mistaken(measured),
        _empty(measured),
    ]


def _by_transformation(measured: Mapping[str, Any]) -> Table:
    some = measured["algorithms"]
    columns = ["transformation", *(f"{name}, radius {one['radius']}" for name, one in some.items())]
    names = [name for name in next(iter(some.values()))["variants"] if name != "by_hash"]
    rows = [(name, *(_known(one["variants"][name]) for one in some.values())) for name in names]
    return Table(
        f"Share of {measured['photos']} photos found at the default radius, and the median of the bits that differ",
        columns,
        rows,
    )


def _found(measured: Mapping[str, Any]) -> Table:
    rows = [
        (name, *(f"{share:.1%}" for share in _shares(one["variants"]["all"])))
        for name, one in measured["algorithms"].items()
    ]
    return Table(f"Variants found by radius{_scale(measured)}", ("", *map(str, SHOWN)), rows)


def _recoloured(measured: Mapping[str, Any]) -> Table:
    """Of the first algorithm, which is the default: the others see no more colour."""
    name, one = next(iter(measured["algorithms"].items()))
    variants, by_hash = one["variants"]["all"], one["variants"]["by_hash"]
    rows = [("the transformations above", f"{variants['count']:,}", _part(by_hash), _part(variants))]
    rows += [
        (kind, str(row["count"]), _of(row["by_hash"], row), _of(row["with_colours"], row))
        for kind, row in one["recoloured"].items()
    ]
    columns = ("", "photos that changed visibly", f"near by {name} alone", "by hash and colours")
    return Table("The same photo in other colours, as bright as before", columns, rows)


def _layouts(measured: Mapping[str, Any]) -> Table:
    rows = [
        (name, f"{row['bound']:.2g}", f"{row['mistaken']} · {row['mistaken'] / row['count']:.1%}")
        for name, row in measured["layouts"].items()
    ]
    count = next(iter(measured["layouts"].values()))["count"]
    title = f"Other layouts of colours, as exact numbers: {count} recoloured photos"
    return Table(
        title, ("", f"bound that keeps {KEPT:.1%} of the variants", "photos taken for the same"), rows
    )


def _mistaken(measured: Mapping[str, Any]) -> Table:
    some = measured["algorithms"]
    pairs = next(iter(some.values()))["different"]["gated"]["count"]
    rows = [
        (
            name,
            *(f"{share:.2%}" if share else "0" for share in _shares(one["different"]["gated"])),
            str(one["different"]["gated"]["least"]),
        )
        for name, one in some.items()
    ]
    return Table(
        f"Share of {pairs:,} pairs of different pictures called duplicates by hash alone, by radius{_scale(measured)}",
        ("", *map(str, SHOWN), "nearest pair, bits"),
        rows,
    )


def _empty(measured: Mapping[str, Any]) -> Table:
    some = measured["algorithms"]
    rows = [
        (
            name,
            f"{one['empty']['gated']['without_hash']} of {measured['empty']}",
            f"{_share(one['empty']['ungated']):.1%}",
            f"{_share(one['empty']['gated']):.1%}",
            f"{one['different']['gated']['without_hash']} of {measured['pictures']}",
        )
        for name, one in some.items()
    ]
    heads = (
        "",
        "without a hash",
        "pairs called duplicates without the gate",
        "with the gate",
        "other pictures without a hash",
    )
    return Table("Pictures without content at the default radius", heads, rows)


def _known(counted: Mapping[str, Any]) -> str:
    return f"{_share(counted):.0%} · {counted['median']:g}"


def _part(counted: Mapping[str, Any]) -> str:
    return f"{_share(counted):.1%}"


def _of(count: int, row: Mapping[str, Any]) -> str:
    return f"{count} · {count / row['count']:.1%}" if row["count"] else "–"


def _share(counted: Mapping[str, Any]) -> float:
    return float(counted["within_default"] / counted["count"])


def _shares(counted: Mapping[str, Any]) -> list[float]:
    counts = list(counted["within"].values())
    return [counts[place] / counted["count"] for place in SHOWN]


def _scale(measured: Mapping[str, Any]) -> str:
    return "; pdq's radii are four times as large" if "pdq" in measured["algorithms"] else ""
