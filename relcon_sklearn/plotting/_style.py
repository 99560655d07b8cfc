"""What the displays share: colours, axes, words for time, channels and units."""

from __future__ import annotations

import warnings

import numpy as np

from ._keywords import line_keywords

# Okabe and Ito's palette, told apart with any colour vision, the yellow last for its low contrast.
# Its black is drawn in the colour of text: see `colour`.
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

# Continuous values, and what is drawn for reference only.
COLOUR_MAP = "cividis"
GREY = "#8a8a8a"

MINUS = "\N{MINUS SIGN}"
RHO = "\N{GREEK SMALL LETTER RHO}"


def as_segment(segment, name: str) -> np.ndarray:
    """Return one segment as float32 (n_timesteps, n_channels); a vector is one channel."""
    values = np.asarray(segment)
    if values.ndim == 1:
        values = values[:, None]
    if values.ndim != 2 or values.size == 0:
        raise ValueError(
            f"{name} has shape {np.shape(segment)}; expected one segment, "
            "(n_timesteps, n_channels)."
        )
    if values.dtype.kind not in "fiub" or not np.isfinite(values).all():
        raise ValueError(f"{name} has to hold finite real numbers.")
    return values.astype(np.float32)


def check_sampling_rate(sampling_rate) -> None:
    """Raise ValueError unless it is None or positive."""
    if sampling_rate is not None and not (np.isreal(sampling_rate) and 0 < sampling_rate < np.inf):
        raise ValueError(f"sampling_rate={sampling_rate!r}; expected Hz, above 0, or None.")


def times(n_timesteps: int, sampling_rate: float | None) -> np.ndarray:
    """Return the time of each sample, in s, or its number where the rate is not known."""
    return np.arange(n_timesteps) / (sampling_rate or 1)


def time_label(sampling_rate: float | None, of: str = "") -> str:
    """Return the label of an axis of time."""
    what = f"{of} time".strip()
    return f"{what} (s)" if sampling_rate else f"{what} step"


def value_label(unit: str | None) -> str:
    """Return the label of an axis of what was measured."""
    if unit is None:
        return "signal"
    return f"acceleration ({unit})" if unit in ("g", "m/s²") else f"signal ({unit})"


def with_unit(value: float, unit: str | None, power: int = 1) -> str:
    """Return a number as text, with its unit to the power of 1 or 2."""
    number = f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    number = number.replace("-", MINUS)
    if unit is None:
        return number
    return f"{number} {squared(unit) if power == 2 else unit}"


def squared(unit: str) -> str:
    """Return the square of a unit: "g²", but "(m/s²)²"."""
    return f"{unit}²" if unit.isalpha() else f"({unit})²"


def channel_labels(channel_names, n_channels: int) -> list[str]:
    """Return the names given, or x, y, z for three channels and numbers for others."""
    if channel_names is None:
        return list("xyz") if n_channels == 3 else [f"channel {i}" for i in range(n_channels)]
    names = [str(name) for name in channel_names]
    if len(names) != n_channels:
        raise ValueError(
            f"channel_names has {len(names)} entries, {names}, but segments have {n_channels} "
            "channels: pass one name for each."
        )
    return names


def channel_units(unit, n_channels: int) -> list[str | None]:
    """Return the unit of each channel: one for all, or those given."""
    if unit is None or isinstance(unit, str):
        return [unit] * n_channels
    units = [None if u is None else str(u) for u in unit]
    if len(units) != n_channels:
        raise ValueError(
            f"unit has {len(units)} entries, {units}, but segments have {n_channels} channels: "
            "pass one unit for each, or one for all."
        )
    return units


def colour(i: int) -> str:
    """Return the colour of the i-th channel, class or model, to be seen on any background."""
    chosen = PALETTE[i % len(PALETTE)]
    return ink() if chosen == "#000000" else chosen


def ink() -> str:
    """Return the colour of text: black, but white where the style has a dark background."""
    from matplotlib import rcParams
    from matplotlib.colors import to_hex

    return to_hex(rcParams["text.color"])


def draw_channels(ax, time, segment, labels, *, upright: bool = False, **kwargs) -> list:
    """Draw each channel of a segment; return the lines. Upright, time runs along the y axis."""
    kwargs = {"linewidth": 1.2} | line_keywords(kwargs, refused=["label"])
    lines = []
    for i, (values, label) in enumerate(zip(segment.T, labels, strict=True)):
        x, y = (values, time) if upright else (time, values)
        lines += ax.plot(x, y, **({"color": colour(i), "label": label} | kwargs))
    return lines


def bare(ax) -> None:
    """Take away the frame lines that carry no scale."""
    ax.spines[["top", "right"]].set_visible(False)


def only_axes(plt, ax, figsize=None, *, outside: bool = False):
    """Return the axes given, or those of a new figure.

    With `outside`, much is going to be written around them, and their figure needs a layout.
    """
    if ax is None:
        _, ax = plt.subplots(figsize=figsize, layout="constrained")
    elif outside:
        _check_layout(ax)
    return ax


def _check_layout(ax) -> None:
    """Warn if the figure of given axes makes no room for what is written around axes."""
    if ax.get_subplotspec() is not None and ax.figure.get_layout_engine() is None:
        warnings.warn(
            "the figure of ax has no layout, so that labels may overlap or be cut off: make it "
            'with layout="constrained".',
            UserWarning,
            # The line that called `plot`, which called `panels` or `only_axes`, which called this.
            stacklevel=4,
        )


def panels(plt, ax, nrows: int, ncols: int, *, figsize, **kwargs):
    """Return a figure, and a grid for several panels in it: all of it, or in the place of `ax`.

    Raises
    ------
    ValueError
        If something was drawn on `ax`, or in its place, before.
    """
    if ax is None:
        figure = plt.figure(figsize=figsize, layout="constrained")
        return figure, figure.add_gridspec(nrows, ncols, **kwargs)
    # Axes in whose place a display stands have their frame switched off, below.
    if ax.has_data() or not ax.axison:
        raise ValueError(
            "ax is in use: something was drawn there before, by a display perhaps. Pass axes that "
            "are empty, or ax=None for a new figure."
        )
    _check_layout(ax)
    ax.set_axis_off()
    spec = ax.get_subplotspec() or _spec_around(ax)
    return ax.figure, spec.subgridspec(nrows, ncols, **kwargs)


def _spec_around(ax):
    """Return a cell of a grid, in the place of axes that belong to none."""
    place = ax.get_position()
    # A layout heeds the proportions of a grid, but not its edges.
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
