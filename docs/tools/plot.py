"""Matplotlib figures in one look, saved as SVG that suits light and dark pages."""

import io
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import quoteattr

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

WIDTH = 760  # pixels
LABEL = 16  # pixels that the label of a line takes
# Colours that colour-blind people can tell apart (after Okabe and Ito), on white and on near-black.
BLUE, SKY, GREEN, ORANGE = "#3b7dd8", "#56b4e9", "#2a9d6f", "#e69f00"
RED, PINK, VIOLET, OCHRE, GREY = "#d55e00", "#cc79a7", "#8768c9", "#b8a02c", "#8b95a1"
PAGE, INK, FAINT, GRID = "#fefefe", "#1f2933", "#5b6672", "#d8dee4"
DARK = {PAGE: "#15191f", INK: "#e6eaee", FAINT: "#a3adb8", GRID: "#343c46"}

mpl.rcParams.update(
    {
        "svg.fonttype": "none",  # text stays text
        "svg.hashsalt": "photos",  # the same ids each time
        "figure.dpi": 72,  # a point is a pixel
        "font.size": 12,
        "font.sans-serif": ["DejaVu Sans"],  # comes with matplotlib, so every machine measures alike
        "figure.facecolor": PAGE,
        "axes.facecolor": PAGE,
        "text.color": INK,
        "grid.color": GRID,
        "axes.titlelocation": "left",
        "axes.grid": True,
        "axes.grid.axis": "y",
        "axes.axisbelow": True,
        "axes.titlesize": 12,
        "legend.frameon": False,
        "legend.fontsize": 12,
        "lines.linewidth": 2.5,
        "xtick.major.pad": 8,
        "ytick.major.pad": 8,
        **dict.fromkeys(("axes.labelcolor", "axes.titlecolor", "xtick.color", "ytick.color"), FAINT),
        **dict.fromkeys(
            ("axes.spines.left", "axes.spines.right", "axes.spines.top", "axes.spines.bottom"), False
        ),
        **dict.fromkeys(("xtick.major.size", "xtick.minor.size", "ytick.major.size", "ytick.minor.size"), 0),
    }
)


def panels(
    title: str,
    subtitle: str,
    heights: Sequence[int],
    *,
    top: int = 78,
    gap: int = 52,
    bottom: int = 54,
    left: int = 64,
    right: int = 28,
) -> tuple[Figure, list[Axes]]:
    """Make a figure of one plot per height, one below the other; all lengths in pixels."""
    whole = top + sum(heights) + gap * (len(heights) - 1) + bottom
    figure = Figure(figsize=(WIDTH / 72, whole / 72))
    figure.text(20 / WIDTH, 1 - 28 / whole, title, size=16, weight="bold")
    figure.text(20 / WIDTH, 1 - 47 / whole, subtitle, color=FAINT)
    plots = list[Axes]()
    for height in heights:
        place = (left / WIDTH, 1 - (top + height) / whole, 1 - (left + right) / WIDTH, height / whole)
        plots.append(figure.add_axes(place))
        top += height + gap
    return figure, plots


def label_ends(plot: Axes, x: float, ends: Mapping[str, tuple[float, str]]) -> None:
    """Label lines (label → last y, colour) at their end; a label that would cover another moves up."""
    lowest = -LABEL * 2.0
    for label, (y, colour) in sorted(ends.items(), key=lambda end: end[1][0]):
        height = float(plot.transData.transform((x, y))[1])
        lowest = max(height, lowest + LABEL)
        offset = (10, lowest - height)
        plot.annotate(
            label, (x, y), offset, textcoords="offset points", color=colour, weight="bold", va="center"
        )


def svg(figure: Figure) -> str:
    """Render a figure; the page's colours become CSS variables with a dark variant."""
    stream = io.StringIO()
    figure.savefig(stream, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    text = " ".join(stream.getvalue().split()).replace(" <text", "\n<text") + "\n"  # a line for each text
    text = text.replace("'DejaVu Sans'", "Helvetica, Arial")
    for number, light in enumerate(DARK):
        text = text.replace(light, f"var(--c{number})")
    light, dark = (
        "".join(f"--c{number}:{colour};" for number, colour in enumerate(colours))
        for colours in (DARK, DARK.values())
    )
    style = f"svg{{{light}}}@media(prefers-color-scheme:dark){{svg{{{dark}}}}}</style>"
    label = quoteattr(". ".join(words.get_text() for words in figure.texts[:2]))
    return text.replace("</style>", style, 1).replace("<svg ", f'<svg role="img" aria-label={label} ', 1)
