"""Colours, axes and labels that the displays share."""

from __future__ import annotations

import numpy as np

from .._utils._warnings import warn
from ._keywords import line_keywords

# The palette of Okabe and Ito, which people with any colour vision can distinguish. Yellow is last
# because of its low contrast. Black is replaced by the colour of text, see `colour`.
PALETTE = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#000000",
    "#F0E442",
)

# Colour map of continuous values, and colour of reference lines.
COLOUR_MAP = "cividis"
GREY = "#8a8a8a"

MINUS = "\N{MINUS SIGN}"
RHO = "\N{GREEK SMALL LETTER RHO}"


def as_segment(segment, name: str) -> np.ndarray:
    """Return a segment as a float32 array (n_timesteps, n_channels). A vector is one channel."""
    values = np.asarray(segment)
    if values.ndim == 1:
        values = values[:, None]
    if values.ndim != 2 or values.size == 0:
        raise ValueError(
            f"{name} has shape {np.shape(segment)}; expected one segment, "
            "(n_timesteps, n_channels)."
        )
    if values.dtype.kind not in "fiub" or not np.isfinite(values).all():
        raise ValueError(f"{name} must contain finite real numbers.")
    return values.astype(np.float32)


def check_sampling_rate(sampling_rate) -> None:
    """Raise ValueError unless the sampling rate is None or positive and finite."""
    if sampling_rate is not None and not (np.isreal(sampling_rate) and 0 < sampling_rate < np.inf):
        raise ValueError(
            f"sampling_rate={sampling_rate!r}; expected a number above 0, in Hz, or None."
        )


def sample_times(n_timesteps: int, sampling_rate: float | None) -> np.ndarray:
    """Return the time of each sample in s, or its index if the sampling rate is unknown."""
    return np.arange(n_timesteps) / (sampling_rate or 1)


def time_label(sampling_rate: float | None, of: str = "") -> str:
    """Return the label of a time axis."""
    what = f"{of} time".strip()
    return f"{what} (s)" if sampling_rate else f"{what} step"


def value_label(unit: str | None) -> str:
    """Return the label of an axis of the signal."""
    if unit is None:
        return "signal"
    return f"acceleration ({unit})" if unit in ("g", "m/s²") else f"signal ({unit})"


def with_unit(value: float, unit: str | None, power: int = 1) -> str:
    """Return a number as text, with its unit to the power of 1 or 2."""
    number = f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    number = number.replace("-", MINUS)
    if unit is None:
        return number
    return f"{number} {square_of(unit) if power == 2 else unit}"


def square_of(unit: str) -> str:
    """Return the square of a unit, for example "g²" for "g" and "(m/s²)²" for "m/s²"."""
    return f"{unit}²" if unit.isalpha() else f"({unit})²"


def channel_labels(channel_names, n_channels: int) -> list[str]:
    """Return the given names, or by default x, y and z for three channels, else numbers."""
    if channel_names is None:
        return list("xyz") if n_channels == 3 else [f"channel {i}" for i in range(n_channels)]
    names = [str(name) for name in channel_names]
    if len(names) != n_channels:
        raise ValueError(
            f"channel_names has {len(names)} entries, {names}, but segments have {n_channels} "
            "channels. Pass one name for each channel."
        )
    return names


def channel_units(unit, n_channels: int) -> list[str | None]:
    """Return the unit of each channel, given one unit for all channels or one for each."""
    if unit is None or isinstance(unit, str):
        return [unit] * n_channels
    units = [None if u is None else str(u) for u in unit]
    if len(units) != n_channels:
        raise ValueError(
            f"unit has {len(units)} entries, {units}, but segments have {n_channels} channels. "
            "Pass one unit for each channel, or one for all channels."
        )
    return units


def colour(i: int) -> str:
    """Return the colour of the i-th channel, class or model, which is visible on any background."""
    chosen = PALETTE[i % len(PALETTE)]
    return text_colour() if chosen == "#000000" else chosen


def text_colour() -> str:
    """Return the colour of text, which is black, or white in styles with a dark background."""
    from matplotlib import rcParams
    from matplotlib.colors import to_hex

    return to_hex(rcParams["text.color"])


def draw_channels(ax, time, segment, labels, *, upright: bool = False, **kwargs) -> list:
    """Draw each channel of a segment and return the lines.

    If `upright`, time is on the y axis.
    """
    kwargs = {"linewidth": 1.2} | line_keywords(kwargs, refused=["label"])
    lines = []
    for i, (values, label) in enumerate(zip(segment.T, labels, strict=True)):
        x, y = (values, time) if upright else (time, values)
        lines += ax.plot(x, y, **({"color": colour(i), "label": label} | kwargs))
    return lines


def hide_spines(ax) -> None:
    """Hide the top and right lines of the frame, which have no scale."""
    ax.spines[["top", "right"]].set_visible(False)


def given_or_new_axes(plt, ax, figsize=None, *, needs_layout: bool = False):
    """Return the given axes, or the axes of a new figure if they are None.

    If `needs_layout`, there will be large texts around the axes, and a given figure must have a
    layout.
    """
    if ax is None:
        _, ax = plt.subplots(figsize=figsize, layout="constrained")
    elif needs_layout:
        _check_layout(ax)
    return ax


def _check_layout(ax) -> None:
    """Warn if the figure of given axes has no layout, which makes room for texts around axes."""
    if ax.get_subplotspec() is not None and ax.figure.get_layout_engine() is None:
        warn(
            "The figure of ax has no layout, so that labels may overlap or be cut off. Create it "
            'with layout="constrained".'
        )


def panels(plt, ax, nrows: int, ncols: int, *, figsize, **kwargs):
    """Return a figure and a grid for panels, which covers a new figure or replaces `ax`.

    Raises
    ------
    ValueError
        If `ax` is not empty, or has already been replaced.
    """
    if ax is None:
        figure = plt.figure(figsize=figsize, layout="constrained")
        return figure, figure.add_gridspec(nrows, ncols, **kwargs)
    # Axes that a display has replaced have no frame, see below.
    if ax.has_data() or not ax.axison:
        raise ValueError(
            "ax is already in use, for example by another display. Pass empty axes, or ax=None for "
            "a new figure."
        )
    _check_layout(ax)
    ax.set_axis_off()
    spec = ax.get_subplotspec() or _spec_around(ax)
    return ax.figure, spec.subgridspec(nrows, ncols, **kwargs)


def _spec_around(ax):
    """Return a cell of a new grid at the position of axes that do not belong to a grid."""
    place = ax.get_position()
    # A layout keeps the proportions of a grid, but not its edges.
    widths = np.maximum([place.x0, place.width, 1 - place.x1], 1e-6)
    heights = np.maximum([1 - place.y1, place.height, place.y0], 1e-6)
    grid = ax.figure.add_gridspec(
        3,
        3,
        left=0,
        right=1,
        bottom=0,
        top=1,
        wspace=0,
        hspace=0,
        width_ratios=widths,
        height_ratios=heights,
    )
    return grid[1, 1]
