"""Checks of keyword arguments for matplotlib, which replace aliases by full names."""

from __future__ import annotations

# Keyword arguments to which scatter gives other names.
_SCATTER_NAMES = {"linewidth": "linewidths", "edgecolor": "edgecolors"}

COLOURS = ("c", "color", "facecolor")


def line_keywords(kwargs: dict, *, refused=()) -> dict:
    """Return keyword arguments of Axes.plot with full names, for example linewidth for lw."""
    from matplotlib.lines import Line2D

    return _normalise(kwargs, Line2D, refused)


def scatter_keywords(kwargs: dict, *, refused=COLOURS) -> dict:
    """Return keyword arguments of Axes.scatter with its names, for example linewidths for lw."""
    from matplotlib.collections import PathCollection

    kwargs = _normalise(kwargs, PathCollection, refused)
    return {_SCATTER_NAMES.get(key, key): value for key, value in kwargs.items()}


def _normalise(kwargs: dict, artist: type, refused) -> dict:
    """Return keyword arguments of an artist with aliases replaced by full names.

    Raises
    ------
    ValueError
        If one of `refused` is given, which the display sets itself.
    TypeError
        If a keyword argument is given by two names.
    """
    from matplotlib.cbook import normalize_kwargs

    kwargs = normalize_kwargs(kwargs, artist)
    _check_keywords(kwargs, refused)
    return kwargs


def _check_keywords(kwargs: dict, refused) -> None:
    """Raise ValueError if a keyword argument is one that the display sets itself."""
    reasons = {
        "label": "the display sets the names in the legend",
        "marker": "markers show the groups",
    }
    for key in refused:
        if key in kwargs:
            reason = reasons.get(key, "colours show the labels")
            raise ValueError(f"{key}={kwargs[key]!r} is not supported: {reason}.")


def is_filled(marker) -> bool:
    """Return whether a marker has a face, so that its edge can have another colour."""
    from matplotlib.markers import MarkerStyle

    marker = marker if isinstance(marker, MarkerStyle) else MarkerStyle(marker)
    return marker.is_filled()
