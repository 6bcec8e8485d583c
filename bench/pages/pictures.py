"""The measurements as pictures."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from bench.door import chart as door_chart
from bench.duplicates.index import chart as index_chart
from bench.duplicates.quality import chart as quality_chart
from bench.pages.second import SECOND, cases, milliseconds, where_the_second_goes
from docs.tools import plot

ENGINES = {"tensorflow": plot.BLUE, "litert": plot.GREEN, "openvino": plot.ORANGE}
PERCENTILES = {"p50": plot.GREEN, "p90": plot.BLUE, "p99": plot.ORANGE}


def write(measured: Mapping[str, Any], folder: Path) -> list[str]:
    """Draw each measured part into `folder`; return the file names."""
    drawn = dict[str, Figure]()
    if "batch_sizes" in measured:
        drawn["batch-size.svg"] = by_batch_size(measured["batch_sizes"])
    if "latency" in measured:
        drawn["latency.svg"] = by_load(measured["latency"]["loads"])
        drawn["second.svg"] = where_the_second_goes(cases(measured["latency"]))
    if "door" in measured:
        drawn["door.svg"] = door_chart.beside_rivals(measured["door"]["clients"])
    if "duplicates" in measured:
        part = measured["duplicates"]
        drawn["look-up.svg"] = index_chart.index_time(part["index"]["sizes"])
        drawn["hashes.svg"] = quality_chart.quality(part["quality"])
    for name, figure in drawn.items():
        (folder / name).write_text(plot.svg(figure))
    return list(drawn)


def by_batch_size(rates: Mapping[str, Mapping[str, float]]) -> Figure:
    """Draw columns: images per second of the model alone, the engines side by side."""
    figure, [columns] = plot.panels(
        "Throughput by batch size", "the model alone on ready arrays, images/s", [200], top=96
    )
    width = 0.76 / len(rates)
    for number, (engine, by_size) in enumerate(rates.items()):
        places = np.arange(len(by_size)) + (number - (len(rates) - 1) / 2) * width
        bars = columns.bar(
            places, list(by_size.values()), width - 0.02, color=ENGINES.get(engine, plot.GREY), label=engine
        )
        columns.bar_label(bars, fmt="{:.0f}", padding=3)
    columns.set_xticks(range(len(by_size)), by_size)
    columns.set_xlabel("photos in a batch")
    columns.margins(y=0.1)
    columns.legend(loc="lower left", bbox_to_anchor=(-0.07, 1), ncols=len(rates))
    return figure


def by_load(loads: Mapping[str, Mapping[str, float]]) -> Figure:
    """Draw lines: percentiles of PUT to result by load, and the target of one second."""
    figure, [lines] = plot.panels(
        "PUT to result by load", "Poisson arrivals; logarithmic scale", [252], right=90
    )
    shares = [float(load) for load in loads]
    values = {name: [row[f"{name}_ms"] for row in loads.values()] for name in PERCENTILES}
    lines.set_yscale("log")
    lines.set_ylim(min(10, *values["p50"]), max(2000, *values["p99"]))
    lines.set_xlim(0.2, 1)
    marks = [factor * power for power in (1, 10, 100, 1000, 10000) for factor in (1, 2, 5)]
    lines.set_yticks([mark for mark in marks if lines.get_ylim()[0] <= mark <= lines.get_ylim()[1]])
    lines.yaxis.set_major_formatter(milliseconds)
    lines.minorticks_off()
    lines.axhline(SECOND, color=plot.RED)
    lines.text(0.21, SECOND * 1.1, "target: p99 under one second", color=plot.RED, weight="bold")
    for name, colour in PERCENTILES.items():
        lines.plot(shares, values[name], "o-", color=colour)
    ends = {
        f"{name} {milliseconds(some[-1])}": (some[-1], PERCENTILES[name]) for name, some in values.items()
    }
    plot.label_ends(lines, shares[-1], ends)
    lines.set_xticks(shares, [f"{share:.0%}" for share in shares])
    lines.set_xlabel("load, share of capacity")
    return figure
