"""Size of texts and legends, and columns and positions of legends that fit the available space."""

from __future__ import annotations

import math
import textwrap

# Width of the handle of a legend entry and the space around it, and height of a row, in font sizes.
_HANDLE_WIDTH = 4.8
_ROW_HEIGHT = 1.6


def font_size(size="medium") -> float:
    """Return a font size in points, given as a number or as a word such as "medium"."""
    from matplotlib.font_manager import FontProperties

    return FontProperties(size=size).get_size_in_points()


def text_width(texts) -> float:
    """Return the width of the widest text, in inches."""
    from matplotlib.textpath import TextPath

    lines = [line for text in texts for line in str(text).split("\n") if line.strip()]
    # Texts that are not drawn yet have no renderer, so the width of their outlines is used.
    widths = [TextPath((0, 0), line, size=font_size()).get_extents().width for line in lines]
    return max(widths, default=0.0) / 72


def axes_width(ax) -> float:
    """Return the width of axes in inches, before a layout makes room for their labels."""
    return ax.get_window_extent().width / ax.figure.dpi


def entry_width(names) -> float:
    """Return the width of a column of a legend, in inches."""
    return text_width(names) + _HANDLE_WIDTH * font_size() / 72


def legend_columns(names, width: float) -> int:
    """Return the number of columns of a legend that fit a width in inches."""
    fitting = max(1, min(len(names), int(width / entry_width(names))))
    # The fewest columns with the same number of rows.
    return math.ceil(len(names) / math.ceil(len(names) / fitting))


def legend_lines(names, n_columns: int) -> int:
    """Return the number of lines of text of a legend, from top to bottom."""
    return math.ceil(len(names) / n_columns) * max(str(name).count("\n") + 1 for name in names)


def legend_height(names, n_columns: int) -> float:
    """Return the height of a legend without a title, in inches."""
    return (legend_lines(names, n_columns) * _ROW_HEIGHT + 0.8) * font_size() / 72


def place_below(ax) -> dict:
    """Return keyword arguments that place a legend below the label of the x axis."""
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


def wrap(text, width: int) -> str:
    """Return text in lines of at most `width` characters, except for longer words."""
    lines = str(text).split("\n")
    return "\n".join(textwrap.fill(line, width, break_long_words=False) for line in lines)
