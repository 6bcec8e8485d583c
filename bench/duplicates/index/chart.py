"""The time of a look-up by photos remembered, as a picture."""

from collections.abc import Mapping
from typing import Any

from docs import svg
from docs.svg import WIDTH

LEFT, RIGHT = 74.0, WIDTH - 150.0
RIVALS = {  # name → colour and label
    "numpy": (svg.ORANGE, "numpy, all of them"),
    "bk_tree": (svg.RED, "BK-tree"),
    "script": (svg.BLUE, "this index, + insert"),
}


def index_time(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """Curves: median milliseconds of a look-up by photos remembered, both on logarithmic axes."""
    top, base = 84.0, 340.0
    sizes = [int(size) for size in rows]
    values = {name: [row[f"{name}_p50_ms"] for row in rows.values()] for name in RIVALS}
    lowest, highest = min(map(min, values.values())) / 2, max(map(max, values.values())) * 2
    x = svg.logarithmic(sizes[0], sizes[-1], LEFT + 30, RIGHT)
    y = svg.logarithmic(lowest, highest, base, top)
    parts = list[str]()
    for power in range(-2, 5):
        if lowest <= 10.0**power <= highest:
            parts += [
                svg.rule(LEFT, y(10.0**power), RIGHT, y(10.0**power)),
                _tick(y(10.0**power), f"{10.0**power:g} ms"),
            ]
    for size in sizes:
        parts.append(svg.text(x(size), base + 19, f"{size:,}", anchor="middle"))
    lowest_first = sorted(values.items(), key=lambda one: one[1][-1])
    for (which, ones), end in zip(lowest_first, svg.apart([y(o[-1]) for _, o in lowest_first]), strict=True):
        colour, label = RIVALS[which]
        parts.append(svg.curve([(x(s), y(v)) for s, v in zip(sizes, ones, strict=True)], colour, label))
        parts.append(svg.text(x(sizes[-1]) + 10, end + 4, label, colour=colour))
    parts.append(svg.text((LEFT + RIGHT) / 2, base + 40, "photos remembered", style="s", anchor="middle"))
    return svg.picture(
        base + 54, "Time to find a look-alike", "median of a look-up, radius 6; logarithmic scales", parts
    )


def _tick(y: float, says: str) -> str:
    return svg.text(LEFT - 8, y + 4, says, style="s", anchor="end")
