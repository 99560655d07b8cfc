"""What the displays share: colours, axes, words for time, channels and units."""

from __future__ import annotations

import numpy as np

# Okabe and Ito's palette, told apart with any colour vision, the yellow last for its low contrast.
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
    if power == 2:
        unit = f"{unit}²" if unit.isalnum() else f"({unit})²"
    return f"{number} {unit}"


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


def colour(i: int) -> str:
    """Return the colour of the i-th channel, class or model."""
    return PALETTE[i % len(PALETTE)]


def draw_channels(ax, time, segment, labels, *, upright: bool = False, **kwargs) -> list:
    """Draw each channel of a segment; return the lines. Upright, time runs along the y axis."""
    kwargs = {"linewidth": 1.2} | kwargs
    lines = []
    for i, (values, label) in enumerate(zip(segment.T, labels, strict=True)):
        x, y = (values, time) if upright else (time, values)
        lines += ax.plot(x, y, **({"color": colour(i), "label": label} | kwargs))
    return lines


def bare(ax) -> None:
    """Take away the frame lines that carry no scale."""
    ax.spines[["top", "right"]].set_visible(False)


def only_axes(plt, ax, figsize=None):
    """Return the axes given, or those of a new figure."""
    if ax is None:
        _, ax = plt.subplots(figsize=figsize, layout="constrained")
    return ax


def panels(plt, ax, nrows: int, ncols: int, *, figsize, **kwargs):
    """Return a figure, and a grid for several panels in it: all of it, or in the place of `ax`."""
    if ax is None:
        figure = plt.figure(figsize=figsize, layout="constrained")
        return figure, figure.add_gridspec(nrows, ncols, **kwargs)
    ax.set_axis_off()
    spec = ax.get_subplotspec()
    if spec is not None:
        return ax.figure, spec.subgridspec(nrows, ncols, **kwargs)
    place = ax.get_position()
    edges = {"left": place.x0, "right": place.x1, "bottom": place.y0, "top": place.y1}
    return ax.figure, ax.figure.add_gridspec(nrows, ncols, **edges, **kwargs)
