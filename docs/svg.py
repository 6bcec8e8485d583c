"""Small SVG pictures that can be read on light and dark pages: a frame, text, axes; numbers to coordinates."""

import math
from collections.abc import Callable, Sequence
from xml.sax.saxutils import escape, quoteattr

WIDTH = 760
LABEL = 16  # pixels that a label takes
# Colours that people who see few colours can tell apart (after Okabe and Ito), on white and on near-black alike.
BLUE, SKY, GREEN, ORANGE, RED, PINK, VIOLET, OCHRE, GREY = (
    "#3b7dd8",
    "#56b4e9",
    "#2a9d6f",
    "#e69f00",
    "#d55e00",
    "#cc79a7",
    "#8768c9",
    "#b8a02c",
    "#8b95a1",
)
LIGHT = ".p{fill:#fff}text{fill:#1f2933}.s{fill:#5b6672}.g{stroke:#d8dee4}"
DARK = ".p{fill:#15191f}text{fill:#e6eaee}.s{fill:#a3adb8}.g{stroke:#343c46}"
FONTS = "text{font:13px Helvetica,Arial,sans-serif}.t{font-size:16px;font-weight:bold}.s{font-size:12px}"
STYLE = f"{FONTS}{LIGHT}@media(prefers-color-scheme:dark){{{DARK}}}"

Place = Callable[[float], float]  # a number → a coordinate


def picture(height: float, title: str, subtitle: str, parts: Sequence[str]) -> str:
    """Give the whole file; the title is also what a screen reader says."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" role="img" '
        f"aria-label={quoteattr(f'{title}. {subtitle}')}>"
    )
    page = f'<rect class="p" width="{WIDTH}" height="{height:g}" rx="8"/>'
    titles = [text(20, 28, title, style="t"), text(20, 47, subtitle, style="s")]
    return "\n".join([head, f"<style>{STYLE}</style>", page, *titles, *parts, "</svg>"]) + "\n"


def text(x: float, y: float, words: str, *, style: str = "", anchor: str = "start", colour: str = "") -> str:
    """Write words; `anchor` is start, middle or end."""
    attributes = f' class="{style}"' if style else ""
    attributes += f' text-anchor="{anchor}"' if anchor != "start" else ""
    attributes += f' style="fill:{colour};font-weight:bold"' if colour else ""
    return f'<text x="{_n(x)}" y="{_n(y)}"{attributes}>{escape(words)}</text>'


def bar(x: float, y: float, width: float, height: float, colour: str, *, says: str) -> str:
    """Draw a rectangle that says what it is to whoever points at it."""
    place = f'x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}"'
    return f'<rect {place} fill="{colour}"><title>{escape(says)}</title></rect>'


def rule(x1: float, y1: float, x2: float, y2: float) -> str:
    """Draw a line of the grid."""
    return f'<path class="g" d="M{_n(x1)} {_n(y1)}L{_n(x2)} {_n(y2)}"/>'


def curve(points: Sequence[tuple[float, float]], colour: str, says: str) -> str:
    """Draw a line through points, with a dot at each."""
    path = "L".join(f"{_n(x)} {_n(y)}" for x, y in points)
    dots = "".join(f'<circle cx="{_n(x)}" cy="{_n(y)}" r="4"/>' for x, y in points)
    line = f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2.5"/>'
    return f'<g fill="{colour}"><title>{escape(says)}</title>{line}{dots}</g>'


def line(points: Sequence[tuple[float, float]], colour: str, says: str, width: float = 1.5) -> str:
    """Draw a line through many points, without dots."""
    path = "L".join(f"{_n(x)} {_n(y)}" for x, y in points)
    drawn = f'd="M{path}" fill="none" stroke="{colour}" stroke-width="{_n(width)}"'
    return f"<path {drawn}><title>{escape(says)}</title></path>"


def linear(most: float, start: float, end: float) -> Place:
    """Place 0 … `most` from `start` to `end`."""
    return lambda value: start + (end - start) * value / most


def logarithmic(least: float, most: float, start: float, end: float) -> Place:
    """Place `least` … `most` from `start` to `end`, each factor as long."""
    whole = math.log(most / least)
    return lambda value: start + (end - start) * math.log(max(value, least) / least) / whole


def ticks(most: float, about: int = 5) -> list[float]:
    """Round numbers from 0 up to `most`, about so many."""
    rough = most / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    return [number * step for number in range(math.floor(most / step + 1e-9) + 1)]


def apart(heights: Sequence[float]) -> list[float]:
    """Move labels upwards, each from the one before, so that none covers another; the first is the lowest."""
    moved = list[float]()
    for height in heights:
        moved.append(min(height, moved[-1] - LABEL) if moved else height)
    return moved


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
