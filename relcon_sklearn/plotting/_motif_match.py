"""MotifMatchDisplay: which motifs of a candidate an anchor is rebuilt from."""

from __future__ import annotations

import numpy as np
from sklearn.utils._optional_dependencies import check_matplotlib_support

from ._legends import axes_width, legend_columns, legend_lines, wrapped
from ._scores import learned_distance
from ._style import (
    as_segment,
    bare,
    channel_labels,
    channel_units,
    check_sampling_rate,
    draw_channels,
    ink,
    panels,
    time_label,
    times,
    value_label,
    with_unit,
)

# Channels, and lines, that a legend has room for; of more, the panels below give the colours.
_MOST_IN_LEGEND = 4
_MOST_LINES = 2

# Characters in a line of a channel's name.
_LINE = 18


class MotifMatchDisplay:
    """An anchor, a candidate, and the attention map between them.

    The map has a row for each moment of the anchor (left) and a column for each moment of the
    candidate (above): where it is dark, the anchor is rebuilt from there. Dark diagonals are
    motifs, short patterns that both segments share. Below, the anchor is drawn with what was
    rebuilt; the squared gap between the two, summed over time and channels, is the distance. It is
    written above, with the root mean square of the gap (RMS error).

    It is recommended to use :meth:`from_estimator`. All parameters are stored as attributes.

    Parameters
    ----------
    anchor : array-like of shape (n_timesteps, n_channels)
        The segment that was rebuilt.
    candidate : array-like of shape (n_candidate_timesteps, n_channels)
        The segment it was rebuilt from.
    attention : array-like of shape (n_timesteps, n_candidate_timesteps)
        Attention weights, as :meth:`relcon_sklearn.LearnedMotifDistance.attention_map` gives them.
    reconstruction : array-like of shape (n_timesteps, n_channels)
        The anchor as rebuilt.
    sampling_rate : float or None, default=None
        In Hz; time is drawn in seconds then, else in time steps.
    channel_names : sequence of str or None, default=None
        None takes x, y and z for three channels, else numbers.
    unit : str, None or sequence of str or None, default="g"
        Of the values of the segments; None where they have none. A sequence has one for each
        channel: of an accelerometer and a gyroscope, for one. Only channels of one unit have the
        same scale then, those beside the map are drawn as shares of the largest absolute value
        in their unit, and the distance has no unit.

    Attributes
    ----------
    distance_ : float
        The motif distance d(anchor | candidate).
    ax_ : matplotlib Axes
        Axes of the attention map.
    axes_ : dict of matplotlib Axes
        All axes: "map", "candidate", "anchor", "colorbar" and, one for each channel,
        "reconstruction 0", "reconstruction 1", ...
    figure_ : matplotlib Figure
        Figure that holds them.
    image_ : matplotlib AxesImage
        The attention map.
    candidate_lines_, anchor_lines_, reconstruction_lines_ : list of matplotlib Line2D
        One line per channel: of the candidate, the anchor beside the map, and what was rebuilt.

    See Also
    --------
    CandidateRankingDisplay : An anchor above its candidates, in order of distance.
    relcon_sklearn.LearnedMotifDistance : The distance.

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
        """Match an anchor with a candidate, and plot it.

        Parameters
        ----------
        distance : LearnedMotifDistance or RelConEmbedder
            Fitted. Of an embedder, the distance it was trained by is taken. Either may be wrapped
            in a :class:`sklearn.frozen.FrozenEstimator`.
        anchor : array-like of shape (n_timesteps, n_channels)
            The segment to be rebuilt.
        candidate : array-like of shape (n_candidate_timesteps, n_channels)
            The segment to rebuild it from.
        sampling_rate : float or None, default=None
            In Hz; time is drawn in seconds then, else in time steps.
        channel_names : sequence of str or None, default=None
            None takes x, y and z for three channels, else numbers.
        unit : str, None or sequence of str or None, default="g"
            Of the values of the segments, or of each channel; None where they have none.
        ax : matplotlib Axes or None, default=None
            Empty axes in whose place the panels are drawn; make their figure with
            ``layout="constrained"``. None makes a new figure.
        **kwargs : dict
            Passed on to :meth:`matplotlib.axes.Axes.imshow` for the attention map. With the same
            ``vmax``, maps can be compared.

        Returns
        -------
        display : MotifMatchDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If the segments cannot be used.
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
            Empty axes in whose place the panels are drawn; make their figure with
            ``layout="constrained"``. None makes a new figure.
        **kwargs : dict
            Passed on to :meth:`matplotlib.axes.Axes.imshow` for the attention map. With the same
            ``vmax``, maps can be compared.

        Returns
        -------
        display : MotifMatchDisplay
            The display itself.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        import matplotlib.pyplot as plt

        anchor, candidate, rebuilt, attention = self._checked()
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
        time = times(len(candidate), self.sampling_rate)
        self.candidate_lines_ = draw_channels(above, time, candidate / scales, labels)
        time = times(len(anchor), self.sampling_rate)
        self.anchor_lines_ = draw_channels(beside, time, anchor / scales, labels, upright=True)
        self._label_signals(above, beside, units)
        self.reconstruction_lines_ = []
        rows = grid[1].subgridspec(n_channels, 1)
        for i, line in enumerate(self.anchor_lines_):
            lower = self.figure_.add_subplot(rows[i])
            self.axes_[f"reconstruction {i}"] = lower
            lower.plot(time, anchor[:, i], color=line.get_color(), linewidth=1.4, label="anchor")
            self.reconstruction_lines_ += lower.plot(
                time, rebuilt[:, i], color=ink(), linewidth=1.1, linestyle="--", label="rebuilt"
            )
        lower_axes = [self.axes_[f"reconstruction {i}"] for i in range(n_channels)]
        self._label_reconstructions(lower_axes, labels, units)
        for unit in set(units):
            _same_span([ax for ax, u in zip(lower_axes, units, strict=True) if u == unit])
        return self

    def _checked(self):
        """Return the arrays, of shapes that fit each other."""
        check_sampling_rate(self.sampling_rate)
        anchor = as_segment(self.anchor, "anchor")
        candidate = as_segment(self.candidate, "candidate")
        rebuilt = as_segment(self.reconstruction, "reconstruction")
        attention = np.asarray(self.attention)
        if candidate.shape[1] != anchor.shape[1] or rebuilt.shape != anchor.shape:
            raise ValueError(
                f"anchor has shape {anchor.shape}, reconstruction {rebuilt.shape} and candidate "
                f"{candidate.shape}: the first two have to be alike, and channels of all three."
            )
        if attention.shape != (len(anchor), len(candidate)):
            raise ValueError(
                f"attention has shape {attention.shape}; expected (n_timesteps, "
                f"n_candidate_timesteps), here {(len(anchor), len(candidate))}."
            )
        return anchor, candidate, rebuilt, attention

    def _draw_map(self, ax, bar_ax, attention, **kwargs) -> None:
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
        unit, mixed = _common(units)
        label = "share of largest" if mixed else value_label(unit)
        # Longer than the panel, it has room above.
        above.set_ylabel(label, loc="bottom")
        above.tick_params(labelbottom=False)
        # Its time is written between it and the map, where the scale of the candidate needs room.
        beside.tick_params(labelleft=False)
        beside.set_xlabel(label)
        self.figure_.align_ylabels([above, self.ax_])
        title = {"label": _title(self.distance_, self.anchor, unit)}
        names = [wrapped(line.get_label(), _LINE) for line in self.candidate_lines_]
        ncols = legend_columns(names, axes_width(above))
        lines = legend_lines(names, ncols)
        if len(names) <= _MOST_IN_LEGEND and lines <= _MOST_LINES:
            place = {"loc": "lower center", "bbox_to_anchor": (0.5, 1), "borderaxespad": 0}
            above.legend(self.candidate_lines_, names, ncols=ncols, frameon=False, **place)
            # The legend lies between the title and the candidate.
            title["pad"] = 10 + 15 * lines
        # From the left, where it cannot run into the label of the y axis.
        above.set_title(**title, loc="left")
        bare(above)
        bare(beside)

    def _label_reconstructions(self, axes, channels, units) -> None:
        unit, mixed = _common(units)
        for ax, channel, own in zip(axes, channels, units, strict=True):
            name = f"{channel} ({own})" if mixed and own is not None else channel
            # Lying, since the panels are lower than most names are long.
            ax.set_ylabel(wrapped(name, _LINE), rotation=0, ha="right", va="center")
            ax.margins(x=0.01)
            ax.tick_params(labelbottom=ax is axes[-1])
            bare(ax)
        axes[0].legend(
            loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False, borderaxespad=0
        )
        if unit is not None:
            axes[0].set_title(value_label(unit), loc="left", fontsize="medium")
        axes[-1].set_xlabel(time_label(self.sampling_rate, "anchor"))
        self.figure_.align_ylabels(axes)


def _common(units) -> tuple[str | None, bool]:
    """Return the unit that all channels have, and whether there are several instead."""
    mixed = len(set(units)) > 1
    return None if mixed else units[0], mixed


def _scales(segments, units) -> np.ndarray:
    """Return what to divide each channel by, so that those of all units can be drawn together."""
    if len(set(units)) == 1:
        return np.ones(len(units), dtype=np.float32)
    largest = np.max([np.abs(segment).max(axis=0) for segment in segments], axis=0)
    units = np.array([str(unit) for unit in units])
    scales = np.array([largest[units == unit].max() for unit in units])
    return np.where(scales > 0, scales, 1)


def _same_span(axes) -> None:
    """Have all axes show as much of the y axis, each of its own part: gaps can be compared then."""
    limits = [ax.get_ylim() for ax in axes]
    half = max(high - low for low, high in limits) / 2
    for ax, (low, high) in zip(axes, limits, strict=True):
        ax.set_ylim((low + high) / 2 - half, (low + high) / 2 + half)


def _title(distance: float, anchor, unit: str | None) -> str:
    error = np.sqrt(distance / np.size(anchor))
    return (
        "Anchor rebuilt from candidate:\n"
        f"d = {with_unit(distance, unit, 2)} (RMS error {with_unit(error, unit)})"
    )
