"""MotifMatchDisplay: which motifs of a candidate an anchor is rebuilt from."""

from __future__ import annotations

import numpy as np
from sklearn.utils._optional_dependencies import check_matplotlib_support

from ._scores import learned_distance
from ._style import (
    as_segment,
    bare,
    channel_labels,
    check_sampling_rate,
    draw_channels,
    panels,
    time_label,
    times,
    value_label,
    with_unit,
)

# Channels that a legend has room for; of more, the panels below give the colours.
_MOST_IN_LEGEND = 4


class MotifMatchDisplay:
    """An anchor, a candidate, and the attention map between them.

    The map has a row for each moment of the anchor (left) and a column for each moment of the
    candidate (above): where it is dark, the anchor is rebuilt from there. Dark diagonals are
    motifs, short patterns that both segments share. Below, the anchor is drawn with what was
    rebuilt; the squared gap between the two, summed over time and channels, is the distance.

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
    unit : str or None, default="g"
        Of the values of the segments; None where they have none.

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
        unit : str or None, default="g"
            Of the values of the segments; None where they have none.
        ax : matplotlib Axes or None, default=None
            Axes in whose place the panels are drawn; None makes a new figure.
        **kwargs : dict
            Passed on to :meth:`matplotlib.axes.Axes.imshow` for the attention map.

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
            Axes in whose place the panels are drawn; None makes a new figure.
        **kwargs : dict
            Passed on to :meth:`matplotlib.axes.Axes.imshow` for the attention map.

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
        self.distance_ = float(np.square(rebuilt - anchor, dtype=np.float64).sum())
        self.figure_, grid = panels(
            plt,
            ax,
            2,
            1,
            figsize=(7, 6 + 0.75 * n_channels),
            height_ratios=[5.5, 0.9 * n_channels],
        )
        match = grid[0].subgridspec(2, 3, width_ratios=[1.2, 4, 0.12], height_ratios=[1.5, 4])
        map_ax = self.figure_.add_subplot(match[1, 1])
        above = self.figure_.add_subplot(match[0, 1], sharex=map_ax)
        beside = self.figure_.add_subplot(match[1, 0], sharey=map_ax)
        bar_ax = self.figure_.add_subplot(match[1, 2])
        self.ax_ = map_ax
        self.axes_ = {"map": map_ax, "candidate": above, "anchor": beside, "colorbar": bar_ax}

        self._draw_map(map_ax, bar_ax, attention, **kwargs)
        time = times(len(candidate), self.sampling_rate)
        self.candidate_lines_ = draw_channels(above, time, candidate, labels)
        time = times(len(anchor), self.sampling_rate)
        self.anchor_lines_ = draw_channels(beside, time, anchor, labels, upright=True)
        self._label_signals(above, beside)
        self.reconstruction_lines_ = []
        rows = grid[1].subgridspec(n_channels, 1)
        for i, label in enumerate(labels):
            lower = self.figure_.add_subplot(rows[i])
            self.axes_[f"reconstruction {i}"] = lower
            line = self.anchor_lines_[i]
            lower.plot(time, anchor[:, i], color=line.get_color(), linewidth=1.4, label="anchor")
            self.reconstruction_lines_ += lower.plot(
                time, rebuilt[:, i], color="black", linewidth=1.1, linestyle="--", label="rebuilt"
            )
            self._label_reconstruction(lower, label, first=i == 0, last=i == n_channels - 1)
        lower_axes = [self.axes_[f"reconstruction {i}"] for i in range(n_channels)]
        _same_span(lower_axes)
        self.figure_.align_ylabels(lower_axes)
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
            "norm": PowerNorm(0.5, vmin=0),
            "aspect": "auto",
            "interpolation": "nearest",
            "extent": (-half, end_candidate, end_anchor, -half),
        }
        self.image_ = ax.imshow(attention, **(settings | kwargs))
        ax.set_xlabel(time_label(self.sampling_rate, "candidate"))
        ax.tick_params(labelleft=False)
        self.figure_.colorbar(self.image_, cax=bar_ax, label="attention weight")

    def _label_signals(self, above, beside) -> None:
        above.tick_params(labelbottom=False, labelleft=False, labelright=True, right=True)
        above.tick_params(left=False)
        above.yaxis.set_label_position("right")
        above.set_ylabel(value_label(self.unit))
        above.set_title(_title(self.distance_, self.anchor, self.unit))
        beside.set_ylabel(time_label(self.sampling_rate, "anchor"))
        beside.set_xlabel(value_label(self.unit))
        if len(self.candidate_lines_) <= _MOST_IN_LEGEND:
            # The corner between the two signals is free, and has to leave the map its width.
            place = {"loc": "upper right", "bbox_to_anchor": (-0.1, 1)}
            above.legend(**place, frameon=False, title="channel").set_in_layout(False)
        above.spines[["top", "left"]].set_visible(False)
        bare(beside)

    def _label_reconstruction(self, ax, channel: str, *, first: bool, last: bool) -> None:
        ax.set_ylabel(channel if self.unit is None else f"{channel} ({self.unit})")
        ax.margins(x=0.01)
        ax.tick_params(labelbottom=last)
        bare(ax)
        if first:
            ax.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False)
        if last:
            ax.set_xlabel(time_label(self.sampling_rate, "anchor"))


def _same_span(axes) -> None:
    """Have all axes show as much of the y axis, each of its own part: gaps can be compared then."""
    limits = [ax.get_ylim() for ax in axes]
    half = max(high - low for low, high in limits) / 2
    for ax, (low, high) in zip(axes, limits, strict=True):
        ax.set_ylim((low + high) / 2 - half, (low + high) / 2 + half)


def _title(distance: float, anchor, unit: str | None) -> str:
    error = np.sqrt(distance / np.size(anchor))
    return (
        f"Anchor rebuilt from candidate: d = {with_unit(distance, unit, 2)}"
        f"\n(root mean squared error {with_unit(error, unit)})"
    )
