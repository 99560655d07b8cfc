"""Keywords passed on to matplotlib: one spelling of each, and none that would undo a display."""

from __future__ import annotations

# Aliases of keywords that scatter has under a name of its own.
_OF_SCATTER = {"linewidth": "linewidths", "edgecolor": "edgecolors"}

COLOURS = ("c", "color", "facecolor")


def line_keywords(kwargs: dict, *, refused=()) -> dict:
    """Return the keywords for Axes.plot by their full names: ``linewidth`` for ``lw``."""
    from matplotlib.lines import Line2D

    return _by_full_names(kwargs, Line2D, refused)


def scatter_keywords(kwargs: dict, *, refused=COLOURS) -> dict:
    """Return the keywords for Axes.scatter by its own names: ``linewidths`` for ``lw``."""
    from matplotlib.collections import PathCollection

    kwargs = _by_full_names(kwargs, PathCollection, refused)
    return {_OF_SCATTER.get(key, key): value for key, value in kwargs.items()}


def _by_full_names(kwargs: dict, artist: type, refused) -> dict:
    """Return the keywords of an artist, none of which has an alias for its name.

    Raises
    ------
    ValueError
        If there is one of `refused`, which the display sets itself.
    TypeError
        If there are two for the same.
    """
    from matplotlib.cbook import normalize_kwargs

    kwargs = normalize_kwargs(kwargs, artist)
    _check_keywords(kwargs, refused)
    return kwargs


def _check_keywords(kwargs: dict, refused) -> None:
    """Raise ValueError if a keyword is one that the display sets itself."""
    reasons = {
        "label": "names in the legend are those of the display",
        "marker": "markers are those of the groups",
    }
    for key in refused:
        if key in kwargs:
            reason = reasons.get(key, "colours are those of the labels")
            raise ValueError(f"{key}={kwargs[key]!r} cannot be passed on: {reason}.")


def is_filled(marker) -> bool:
    """Return whether a marker has a face, and so an edge of another colour."""
    from matplotlib.markers import MarkerStyle

    marker = marker if isinstance(marker, MarkerStyle) else MarkerStyle(marker)
    return marker.is_filled()
