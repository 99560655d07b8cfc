"""Legends of classes beside or below the panels of an embedding map."""

from __future__ import annotations

import numpy as np

from ._legends import axes_width, entry_width, legend_columns, legend_height, place_below, wrap
from ._style import PALETTE, colour

_MARKERS = "o^sDvPhX"

# Maximum number of classes in a legend. A longer one would not be readable.
MAX_IN_LEGEND = 24

# Maximum number of characters of a name in a legend beside the panel. A legend with longer names is
# below the panel, to leave room for the map.
_MAX_LENGTH_BESIDE = 20

# Width in inches of a panel including a legend of short names, and of such a legend.
PANEL_WIDTH, _LEGEND_WIDTH = 5.2, 1.3


def is_continuous(values: np.ndarray) -> bool:
    """Return whether labels are numbers with too many distinct values for a legend."""
    most_classes = {"f": len(PALETTE), "i": MAX_IN_LEGEND, "u": MAX_IN_LEGEND}
    kind = values.dtype.kind
    return kind in most_classes and len(np.unique(values)) > most_classes[kind]


def _legend_names(values) -> list[str]:
    """Return the wrapped names of the classes, or an empty list if there are too many."""
    classes = np.unique(values)
    return [] if len(classes) > MAX_IN_LEGEND else [wrap(c, 48) for c in classes]


def _columns_beside(n_classes: int) -> int:
    """Return the number of columns of a legend beside a panel."""
    return 1 if n_classes <= 14 else 2


def _fits_beside(names: list[str]) -> bool:
    """Return whether names are short enough for a legend beside a panel."""
    return max(map(len, names)) <= _MAX_LENGTH_BESIDE


def extra_room(colourings) -> tuple[float, float]:
    """Return the extra width per panel and the extra height that legends need, in inches."""
    width = height = 0.0
    for i, (values, _) in enumerate(colourings):
        names = _legend_names(values)
        if not names or (i == 0 and is_continuous(values)):
            continue
        if _fits_beside(names):
            width = max(width, _columns_beside(len(names)) * entry_width(names) - _LEGEND_WIDTH)
        else:
            columns = legend_columns(names, PANEL_WIDTH)
            height = max(height, 0.3 + legend_height(names, columns))
    return width, height


def class_marker(i: int) -> str:
    """Return the marker of the i-th class.

    Classes differ in both colour and marker, because some pairs of colours are almost the same to
    people with a red-green deficiency. When the colours repeat, the markers are shifted by one.
    """
    return _MARKERS[(i + i // len(PALETTE)) % len(_MARKERS)]


def draw_legend(ax, values, name: str, marker, *, own_figure: bool) -> None:
    """Draw a legend of the classes, beside the panel if there is room, and below it otherwise.

    If `marker` is None, each class has its own.
    """
    names = _legend_names(values)
    if not names:
        return
    handles = [_handle(colour(i), marker or class_marker(i)) for i in range(len(names))]
    place = {"loc": "center left", "bbox_to_anchor": (1, 0.5)}
    ncols = _columns_beside(len(names))
    fits = own_figure or ncols * entry_width(names) < axes_width(ax) / 2
    if not (fits and _fits_beside(names)):
        place, ncols = place_below(ax), legend_columns(names, axes_width(ax))
    ax.legend(handles, names, title=name, frameon=False, ncols=ncols, **place)


def _handle(colour: str, marker):
    """Return an entry of a legend."""
    from matplotlib.lines import Line2D

    return Line2D([], [], color=colour, marker=marker, linestyle="none", markersize=6)
