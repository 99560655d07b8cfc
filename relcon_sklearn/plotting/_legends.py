"""How much room text takes, and legends that take no more than there is."""

from __future__ import annotations

import math
import textwrap

# What a row of a legend takes beside its text, in font sizes: the handle and the space around it.
_BESIDE_TEXT = 4.8
_ROW_HEIGHT = 1.6


def font_size(size="medium") -> float:
    """Return a size of matplotlib's settings, a number or a word, in points."""
    from matplotlib.font_manager import FontProperties

    return FontProperties(size=size).get_size_in_points()


def text_width(texts) -> float:
    """Return the width of the widest of some texts, in inches."""
    from matplotlib.textpath import TextPath

    lines = [line for text in texts for line in str(text).split("\n") if line.strip()]
    # Text that is not set yet has no renderer to measure it by; its outlines do as well.
    widths = [TextPath((0, 0), line, size=font_size()).get_extents().width for line in lines]
    return max(widths, default=0.0) / 72


def axes_width(ax) -> float:
    """Return the width of axes in inches, before a layout has made room for what is around."""
    return ax.get_window_extent().width / ax.figure.dpi


def entry_width(names) -> float:
    """Return the width of a column of a legend, in inches."""
    return text_width(names) + _BESIDE_TEXT * font_size() / 72


def legend_columns(names, width: float) -> int:
    """Return how many columns of a legend there is room for in a width in inches."""
    fitting = max(1, min(len(names), int(width / entry_width(names))))
    # No more than as many rows need.
    return math.ceil(len(names) / math.ceil(len(names) / fitting))


def legend_lines(names, n_columns: int) -> int:
    """Return how many lines of text a legend has, one above the other."""
    return math.ceil(len(names) / n_columns) * max(str(name).count("\n") + 1 for name in names)


def legend_height(names, n_columns: int) -> float:
    """Return the height of a legend without a title, in inches."""
    return (legend_lines(names, n_columns) * _ROW_HEIGHT + 0.8) * font_size() / 72


def below(ax) -> dict:
    """Return the place of a legend under the label of the x axis, and clear of any title."""
    from matplotlib import rcParams
    from matplotlib.transforms import ScaledTranslation

    ticks = len(ax.get_xticks()) > 0
    depth = rcParams["axes.labelpad"] + 1.5 * font_size(rcParams["axes.labelsize"])
    if ticks:
        depth += rcParams["xtick.major.size"] + rcParams["xtick.major.pad"]
        depth += 1.2 * font_size(rcParams["xtick.labelsize"])
    shift = ScaledTranslation(0, -depth / 72, ax.figure.dpi_scale_trans)
    return {
        "loc": "upper center",
        "bbox_to_anchor": (0.5, 0),
        "bbox_transform": ax.transAxes + shift,
        "borderaxespad": 0,
    }


def wrapped(text, width: int) -> str:
    """Return text in lines of no more characters than `width`, but for longer words."""
    lines = str(text).split("\n")
    return "\n".join(textwrap.fill(line, width, break_long_words=False) for line in lines)
