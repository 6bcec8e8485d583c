"""The measurements as pictures: throughput by batch size, latency by load, where the second goes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.duplicates.index import chart as index_chart
from bench.duplicates.quality import chart as quality_chart
from docs import svg
from docs.svg import WIDTH, Place

LEFT, RIGHT = 64, WIDTH - 70
LOW, HIGH = 10.0, 2000.0  # milliseconds that the axis of latencies shows at least
LEAST_LOAD = 0.2  # where the axis of loads begins
SECOND = 1000.0  # milliseconds
COLOURS = {  # by step: on the way warm, waiting pale, the work cold
    "put": svg.GREY,
    "notify": svg.RED,
    "queue": svg.ORANGE,
    "wait": svg.OCHRE,
    "fetch": svg.SKY,
    "decode": svg.BLUE,
    "batch_wait": svg.PINK,
    "infer": svg.GREEN,
    "commit": svg.VIOLET,
}
ENGINES = {"tensorflow": svg.BLUE, "litert": svg.GREEN}
PERCENTILES = {"p50_ms": svg.GREEN, "p90_ms": svg.BLUE, "p99_ms": svg.ORANGE}

Steps = Mapping[str, float]  # mean milliseconds by step


def write(measured: Mapping[str, Any], folder: Path) -> list[str]:
    """Draw what was measured into `folder`; the names of the files."""
    drawn = dict[str, str]()
    if "batch_sizes" in measured:
        drawn["batch-size.svg"] = by_batch_size(measured["batch_sizes"])
    if "latency" in measured:
        drawn["latency.svg"] = by_load(measured["latency"]["loads"])
        drawn["second.svg"] = where_the_second_goes(cases(measured["latency"]))
    if "duplicates" in measured:
        part = measured["duplicates"]
        drawn["look-up.svg"] = index_chart.index_time(part["index"]["sizes"])
        drawn["hashes.svg"] = quality_chart.quality(part["quality"])
    for name, picture in drawn.items():
        (folder / name).write_text(picture)
    return list(drawn)


def cases(latency: Mapping[str, Any]) -> dict[str, Steps]:
    """Name the four situations whose time is split by step."""
    late = latency["notifications"]
    return {
        "idle": latency["one_at_a_time"]["steps_mean"],
        "80 % load": latency["loads"]["0.8"]["steps_mean"],
        "slow notification": late["alone"]["steps_mean"],
        "with direct request": late["direct_request"]["steps_mean"],
    }


def by_batch_size(rates: Mapping[str, Mapping[str, float]]) -> str:
    """Columns: images per second of the model alone, an engine beside the other."""
    top, base, sizes = 96.0, 290.0, list(next(iter(rates.values())))
    most, gap = 1.1 * max(max(of_one.values()) for of_one in rates.values()), (RIGHT - LEFT) / len(sizes)
    y, width = svg.linear(most, base, top), gap * 0.76 / len(rates)
    parts = _rows(svg.ticks(most), y, lambda value: f"{value:g}")
    for place, (engine, of_one) in enumerate(rates.items()):
        colour = ENGINES.get(engine, svg.GREY)
        parts.append(svg.bar(20 + 110 * place, 62, 12, 12, colour, says=engine))
        parts.append(svg.text(37 + 110 * place, 73, engine, style="s"))
        for number, size in enumerate(sizes):
            x, rate = LEFT + gap * (number + 0.12) + width * place, of_one[size]
            says = f"{engine}, batches of {size}: {rate:.0f}/s"
            parts.append(svg.bar(x, y(rate), width - 2, base - y(rate), colour, says=says))
            parts.append(svg.text(x + width / 2, y(rate) - 6, f"{rate:.0f}", anchor="middle"))
    for number, size in enumerate(sizes):
        parts.append(svg.text(LEFT + gap * (number + 0.5), base + 19, size, anchor="middle"))
    parts.append(svg.text((LEFT + RIGHT) / 2, base + 40, "photos in a batch", style="s", anchor="middle"))
    return svg.picture(
        base + 54, "Throughput by batch size", "the model alone on ready arrays, images/s", parts
    )


def by_load(loads: Mapping[str, Mapping[str, float]]) -> str:
    """Curves: percentiles of PUT to result over the load, and the second that is the aim."""
    top, base = 78.0, 330.0
    shares, rows = [float(load) for load in loads], list(loads.values())
    highest, lowest = max(HIGH, *(row["p99_ms"] for row in rows)), min(LOW, *(row["p50_ms"] for row in rows))
    y, across = svg.logarithmic(lowest, highest, base, top), svg.linear(1.0 - LEAST_LOAD, LEFT, RIGHT)
    x = [across(share - LEAST_LOAD) for share in shares]
    ends = svg.apart([y(rows[-1][name]) for name in PERCENTILES])
    marks = [factor * power for power in (1, 10, 100, 1000, 10000) for factor in (1, 2, 5)]
    parts = _rows([mark for mark in marks if lowest <= mark <= highest], y, _milliseconds)
    parts.append(svg.bar(LEFT, y(SECOND) - 1, RIGHT - LEFT, 2, svg.RED, says="the aim: one second"))
    parts.append(svg.text(LEFT + 6, y(SECOND) - 7, "aim: p99 under one second", colour=svg.RED))
    for at, share in zip(x, shares, strict=True):
        parts.append(svg.text(at, base + 19, f"{share:.0%}", anchor="middle"))
    for (name, colour), end in zip(PERCENTILES.items(), ends, strict=True):
        label, points = (
            name.removesuffix("_ms"),
            [(at, y(row[name])) for at, row in zip(x, rows, strict=True)],
        )
        parts.append(svg.curve(points, colour, label))
        parts.append(svg.text(x[-1] + 10, end + 4, f"{label} {_milliseconds(rows[-1][name])}", colour=colour))
    parts.append(
        svg.text((LEFT + RIGHT) / 2, base + 40, "load, share of capacity", style="s", anchor="middle")
    )
    return svg.picture(base + 54, "PUT to result by load", "Poisson arrivals; logarithmic scale", parts)


def where_the_second_goes(situations: Mapping[str, Steps]) -> str:
    """Bars split by step: all of them on one scale, then the short ones on their own."""
    whole = {name: sum(steps.values()) for name, steps in situations.items()}
    slowest = max(whole, key=lambda name: whole[name])
    short = {name: steps for name, steps in situations.items() if name != slowest}
    parts = _legend(66)
    parts += _split_bars(situations, max(SECOND, *whole.values()) * 1.05, top=110)
    lower = 110 + 34 * len(situations) + 52
    parts.append(svg.text(20, lower - 12, f"the same without “{slowest}”, enlarged", style="s"))
    parts += _split_bars(short, max(whole[name] for name in short) * 1.05, top=lower)
    height = lower + 34 * len(short) + 34
    return svg.picture(height, "Where the second goes", "mean milliseconds from PUT to result by step", parts)


def _split_bars(situations: Mapping[str, Steps], most: float, top: float) -> list[str]:
    start, end, base = 160.0, WIDTH - 84.0, top + 34 * len(situations)
    x, parts = svg.linear(most, start, end), list[str]()
    for mark in svg.ticks(most, about=6):
        parts.append(svg.rule(x(mark), top - 4, x(mark), base))
        parts.append(svg.text(x(mark), base + 15, _milliseconds(mark), style="s", anchor="middle"))
    for number, (name, steps) in enumerate(situations.items()):
        y, at = top + 34 * number, 0.0
        parts.append(svg.text(start - 8, y + 17, name, anchor="end"))
        for step, taken in steps.items():
            says = f"{name}, {step}: {taken:.1f} ms"
            parts.append(svg.bar(x(at), y, x(at + taken) - x(at), 24, COLOURS.get(step, svg.GREY), says=says))
            at += taken
        parts.append(svg.text(x(at) + 6, y + 17, _milliseconds(round(at))))
    return parts


def _legend(y: float) -> list[str]:
    parts, x = list[str](), 20.0
    for step, colour in COLOURS.items():
        parts.append(svg.bar(x, y, 12, 12, colour, says=step))
        parts.append(svg.text(x + 17, y + 11, step, style="s"))
        x += 34 + 6.6 * len(step)
    return parts


def _rows(marks: Sequence[float], y: Place, says: Any) -> list[str]:
    lines = [svg.rule(LEFT, y(mark), RIGHT, y(mark)) for mark in marks]
    return lines + [svg.text(LEFT - 8, y(mark) + 4, says(mark), style="s", anchor="end") for mark in marks]


def _milliseconds(value: float) -> str:
    return f"{value / 1000:.3g} s" if value >= 1000 else f"{value:.0f} ms"
