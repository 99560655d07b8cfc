"""MotifMatchDisplay, which shows the motifs of a candidate that an anchor is reconstructed from."""

from __future__ import annotations

import numpy as np
from sklearn.utils._optional_dependencies import check_matplotlib_support

from ._legends import axes_width, legend_columns, legend_lines, wrap
from ._scores import learned_distance
from ._style import (
    as_segment,
    channel_labels,
    channel_units,
    check_sampling_rate,
    draw_channels,
    hide_spines,
    panels,
    sample_times,
    text_colour,
    time_label,
    value_label,
    with_unit,
)

# Maximum number of channels and of lines in the legend. With more, the colours can be read from the
# panels below.
_MAX_IN_LEGEND = 4
_MAX_LEGEND_LINES = 2

# Maximum number of characters per line of a channel's name.
_LINE_LENGTH = 18


class MotifMatchDisplay:
    """Display of an anchor, a candidate, and the attention map between them.

    The map has a row for each time step of the anchor, which is on the left, and a column for each
    time step of the candidate, which is above. Dark entries are large weights: the anchor is
    reconstructed from these time steps of the candidate. Dark diagonals are motifs, short patterns
    that both segments share. The panels below show the anchor and its reconstruction. Their squared
    difference, summed over time and channels, is the motif distance. It is in the title, with the
    root mean square of the difference (RMS error).

    It is recommended to use :meth:`from_estimator`. All parameters are stored as attributes.

    Parameters
    ----------
    anchor : array-like of shape (n_timesteps, n_channels)
        Segment that was reconstructed.
    candidate : array-like of shape (n_candidate_timesteps, n_channels)
        Segment that it was reconstructed from.
    attention : array-like of shape (n_timesteps, n_candidate_timesteps)
        Attention weights, as returned by
        :meth:`relcon_sklearn.LearnedMotifDistance.attention_map`.
    reconstruction : array-like of shape (n_timesteps, n_channels)
        Reconstruction of the anchor.
    sampling_rate : float or None, default=None
        Sampling rate in Hz. If None, time is drawn in time steps instead of seconds.
    channel_names : sequence of str or None, default=None
        Names of the channels. If None, use x, y and z for three channels, else numbers.
    unit : str, None or sequence of str or None, default="g"
        Unit of the segments. If None, they have no unit. A sequence has one unit for each channel,
        for example of an accelerometer and a gyroscope. If the units differ, only channels with the
        same unit share a scale, the signals beside the map are divided by the largest absolute
        value in their unit, and the distance has no unit.

    Attributes
    ----------
    distance_ : float
        The motif distance d(anchor | candidate).
    ax_ : matplotlib Axes
        Axes of the attention map.
    axes_ : dict of matplotlib Axes
        All axes. Keys are "map", "candidate", "anchor", "colorbar" and, for each channel,
        "reconstruction 0", "reconstruction 1", ...
    figure_ : matplotlib Figure
        Figure that holds them.
    image_ : matplotlib AxesImage
        Image of the attention map.
    candidate_lines_, anchor_lines_, reconstruction_lines_ : list of matplotlib Line2D
        Lines of the candidate, of the anchor beside the map, and of the reconstruction, one per
        channel.

    See Also
    --------
    CandidateRankingDisplay : An anchor above its candidates, sorted by distance.
    relcon_sklearn.LearnedMotifDistance : The motif distance.

    Examples
    --------
    >>> from relcon_sklearn import LearnedMotifDistance
    >>> from relcon_sklearn.datasets import make_motion
    >>> from relcon_sklearn.plotting import MotifMatchDisplay
    >>> X, y, subjects, *_ = make_motion(60, n_subjects=3, n_timesteps=64, random_state=0)
    >>> distance = LearnedMotifDistance(embed_dim=8, max_epochs=1, random_state=0)
    >>> distance.fit(X, groups=subjects)
    LearnedMotifDistance(embed_dim=8, max_epochs=1, random_state=0)
    >>> display = MotifMatchDisplay.from_estimator(distance, X[0], X[20], sampling_rate=100)
    >>> display.ax_.get_xlabel()
    'candidate time (s)'
    """

    def __init__(
        self,
        *,
        anchor,
        candidate,
        attention,
        reconstruction,
        sampling_rate=None,
        channel_names=None,
        unit="g",
    ):
        self.anchor = anchor
        self.candidate = candidate
        self.attention = attention
        self.reconstruction = reconstruction
        self.sampling_rate = sampling_rate
        self.channel_names = channel_names
        self.unit = unit

    @classmethod
    def from_estimator(
        cls,
        distance,
        anchor,
        candidate,
        *,
        sampling_rate=None,
        channel_names=None,
        unit="g",
        ax=None,
        **kwargs,
    ):
        """Reconstruct an anchor from a candidate and plot the attention map.

        Parameters
        ----------
        distance : LearnedMotifDistance or RelConEmbedder
            Fitted motif distance, or a fitted embedder, whose ``distance_`` is used. Both may be
            wrapped in a :class:`sklearn.frozen.FrozenEstimator`.
        anchor : array-like of shape (n_timesteps, n_channels)
            Segment to reconstruct.
        candidate : array-like of shape (n_candidate_timesteps, n_channels)
            Segment to reconstruct it from.
        sampling_rate : float or None, default=None
            Sampling rate in Hz. If None, time is drawn in time steps instead of seconds.
        channel_names : sequence of str or None, default=None
            Names of the channels. If None, use x, y and z for three channels, else numbers.
        unit : str, None or sequence of str or None, default="g"
            Unit of the segments, or one unit for each channel. If None, they have no unit.
        ax : matplotlib Axes or None, default=None
            Empty axes that the panels replace. Their figure should have ``layout="constrained"``.
            If None, create a new figure.
        **kwargs : dict
            Keyword arguments of :meth:`matplotlib.axes.Axes.imshow` for the attention map. Maps
            with the same ``vmax`` can be compared.

        Returns
        -------
        display : MotifMatchDisplay
            The display that was drawn.

        Raises
        ------
        ValueError
            If a parameter or a segment is invalid.
        TypeError
            If `distance` has no attention map.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        distance = learned_distance(distance)
        anchor = as_segment(anchor, "anchor")
        candidate = as_segment(candidate, "candidate")
        display = cls(
            anchor=anchor,
            candidate=candidate,
            attention=distance.attention_map(anchor, candidate),
            reconstruction=distance.reconstruct(anchor, candidate),
            sampling_rate=sampling_rate,
            channel_names=channel_names,
            unit=unit,
        )
        return display.plot(ax=ax, **kwargs)

    def plot(self, ax=None, **kwargs):
        """Plot the match.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Empty axes that the panels replace. Their figure should have ``layout="constrained"``.
            If None, create a new figure.
        **kwargs : dict
            Keyword arguments of :meth:`matplotlib.axes.Axes.imshow` for the attention map. Maps
            with the same ``vmax`` can be compared.

        Returns
        -------
        display : MotifMatchDisplay
            The display itself.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        import matplotlib.pyplot as plt

        anchor, candidate, rebuilt, attention = self._check_arrays()
        n_channels = anchor.shape[1]
        labels = channel_labels(self.channel_names, n_channels)
        units = channel_units(self.unit, n_channels)
        self.distance_ = float(np.square(rebuilt - anchor, dtype=np.float64).sum())
        self.figure_, grid = panels(
            plt,
            ax,
            2,
            1,
            figsize=(7, 6 + max(1.4, 0.75 * n_channels)),
            height_ratios=[5.5, max(1.6, 0.9 * n_channels)],
        )
        match = grid[0].subgridspec(2, 3, width_ratios=[1.2, 4, 0.12], height_ratios=[1.5, 4])
        map_ax = self.figure_.add_subplot(match[1, 1])
        above = self.figure_.add_subplot(match[0, 1], sharex=map_ax)
        beside = self.figure_.add_subplot(match[1, 0], sharey=map_ax)
        bar_ax = self.figure_.add_subplot(match[1, 2])
        self.ax_ = map_ax
        self.axes_ = {"map": map_ax, "candidate": above, "anchor": beside, "colorbar": bar_ax}

        self._draw_map(map_ax, bar_ax, attention, **kwargs)
        scales = _scales([anchor, candidate], units)
        time = sample_times(len(candidate), self.sampling_rate)
        self.candidate_lines_ = draw_channels(above, time, candidate / scales, labels)
        time = sample_times(len(anchor), self.sampling_rate)
        self.anchor_lines_ = draw_channels(beside, time, anchor / scales, labels, upright=True)
        self._label_signals(above, beside, units)
        self.reconstruction_lines_ = []
        rows = grid[1].subgridspec(n_channels, 1)
        for i, line in enumerate(self.anchor_lines_):
            lower = self.figure_.add_subplot(rows[i])
            self.axes_[f"reconstruction {i}"] = lower
            lower.plot(time, anchor[:, i], color=line.get_color(), linewidth=1.4, label="anchor")
            self.reconstruction_lines_ += lower.plot(
                time,
                rebuilt[:, i],
                color=text_colour(),
                linewidth=1.1,
                linestyle="--",
                label="rebuilt",
            )
        lower_axes = [self.axes_[f"reconstruction {i}"] for i in range(n_channels)]
        self._label_reconstructions(lower_axes, labels, units)
        for unit in set(units):
            _equalise_spans([ax for ax, u in zip(lower_axes, units, strict=True) if u == unit])
        return self

    def _check_arrays(self):
        """Return the arrays, or raise ValueError if their shapes do not match."""
        check_sampling_rate(self.sampling_rate)
        anchor = as_segment(self.anchor, "anchor")
        candidate = as_segment(self.candidate, "candidate")
        rebuilt = as_segment(self.reconstruction, "reconstruction")
        attention = np.asarray(self.attention)
        if candidate.shape[1] != anchor.shape[1] or rebuilt.shape != anchor.shape:
            raise ValueError(
                f"anchor has shape {anchor.shape}, reconstruction {rebuilt.shape} and candidate "
                f"{candidate.shape}. The first two must have the same shape, and all three must "
                "have the same number of channels."
            )
        if attention.shape != (len(anchor), len(candidate)):
            raise ValueError(
                f"attention has shape {attention.shape}; expected (n_timesteps, "
                f"n_candidate_timesteps), which is {(len(anchor), len(candidate))}."
            )
        return anchor, candidate, rebuilt, attention

    def _draw_map(self, ax, bar_ax, attention, **kwargs) -> None:
        """Draw the attention map and its colour bar."""
        from matplotlib.colors import PowerNorm

        half = 0.5 / (self.sampling_rate or 1)
        end_anchor, end_candidate = (2 * half * n - half for n in attention.shape)
        settings = {
            "cmap": "Greys",
            "aspect": "auto",
            "interpolation": "nearest",
            "extent": (-half, end_candidate, end_anchor, -half),
        }
        if "norm" not in kwargs:
            limits = {"vmin": kwargs.pop("vmin", 0), "vmax": kwargs.pop("vmax", None)}
            settings["norm"] = PowerNorm(0.5, **limits)
        self.image_ = ax.imshow(attention, **(settings | kwargs))
        ax.set_xlabel(time_label(self.sampling_rate, "candidate"))
        ax.set_ylabel(time_label(self.sampling_rate, "anchor"))
        self.figure_.colorbar(self.image_, cax=bar_ax, label="attention weight")

    def _label_signals(self, above, beside, units) -> None:
        """Add the title, the legend and the labels of the signals above and beside the map."""
        unit, mixed = _common_unit(units)
        label = "share of largest" if mixed else value_label(unit)
        # The label may be longer than the panel, but has room above it.
        above.set_ylabel(label, loc="bottom")
        above.tick_params(labelbottom=False)
        # The time axis is labelled at the map, which leaves room for the scale of the candidate.
        beside.tick_params(labelleft=False)
        beside.set_xlabel(label)
        self.figure_.align_ylabels([above, self.ax_])
        title = {"label": _title(self.distance_, self.anchor, unit)}
        names = [wrap(line.get_label(), _LINE_LENGTH) for line in self.candidate_lines_]
        ncols = legend_columns(names, axes_width(above))
        lines = legend_lines(names, ncols)
        if len(names) <= _MAX_IN_LEGEND and lines <= _MAX_LEGEND_LINES:
            place = {"loc": "lower center", "bbox_to_anchor": (0.5, 1), "borderaxespad": 0}
            above.legend(self.candidate_lines_, names, ncols=ncols, frameon=False, **place)
            # The legend is between the title and the candidate.
            title["pad"] = 10 + 15 * lines
        # Left-aligned, so that it does not cover the label of the y axis.
        above.set_title(**title, loc="left")
        hide_spines(above)
        hide_spines(beside)

    def _label_reconstructions(self, axes, channels, units) -> None:
        """Add the legend and the labels of the panels with the reconstruction."""
        unit, mixed = _common_unit(units)
        for ax, channel, own in zip(axes, channels, units, strict=True):
            name = f"{channel} ({own})" if mixed and own is not None else channel
            # Horizontal, because most names are longer than the height of a panel.
            ax.set_ylabel(wrap(name, _LINE_LENGTH), rotation=0, ha="right", va="center")
            ax.margins(x=0.01)
            ax.tick_params(labelbottom=ax is axes[-1])
            hide_spines(ax)
        axes[0].legend(
            loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False, borderaxespad=0
        )
        if unit is not None:
            axes[0].set_title(value_label(unit), loc="left", fontsize="medium")
        axes[-1].set_xlabel(time_label(self.sampling_rate, "anchor"))
        self.figure_.align_ylabels(axes)


def _common_unit(units) -> tuple[str | None, bool]:
    """Return the unit that all channels share, or None, and whether their units differ."""
    mixed = len(set(units)) > 1
    return None if mixed else units[0], mixed


def _scales(segments, units) -> np.ndarray:
    """Return the divisors of the channels with which all units can be drawn on one scale."""
    if len(set(units)) == 1:
        return np.ones(len(units), dtype=np.float32)
    largest = np.max([np.abs(segment).max(axis=0) for segment in segments], axis=0)
    units = np.array([str(unit) for unit in units])
    scales = np.array([largest[units == unit].max() for unit in units])
    return np.where(scales > 0, scales, 1)


def _equalise_spans(axes) -> None:
    """Set the limits of y axes to the same span, so that differences can be compared."""
    limits = [ax.get_ylim() for ax in axes]
    half = max(high - low for low, high in limits) / 2
    for ax, (low, high) in zip(axes, limits, strict=True):
        ax.set_ylim((low + high) / 2 - half, (low + high) / 2 + half)


def _title(distance: float, anchor, unit: str | None) -> str:
    """Return the title with the distance and the RMS error."""
    error = np.sqrt(distance / np.size(anchor))
    return (
        "Anchor rebuilt from candidate:\n"
        f"d = {with_unit(distance, unit, 2)} (RMS error {with_unit(error, unit)})"
    )
