"""CandidateRankingDisplay, which shows an anchor above its candidates, nearest first."""

from __future__ import annotations

import numpy as np
from sklearn.utils._optional_dependencies import check_matplotlib_support

from ..segments._array import SegmentArray
from ._keywords import line_keywords
from ._legends import axes_width, legend_columns, legend_lines, wrap
from ._scores import Comparison, compare
from ._style import (
    as_segment,
    channel_labels,
    check_sampling_rate,
    draw_channels,
    hide_spines,
    panels,
    sample_times,
    square_of,
    text_colour,
    time_label,
    value_label,
    with_unit,
)

# Maximum number of characters per line of the labels, which are beside the panels.
_LINE_LENGTH = 24


class CandidateRankingDisplay:
    """Display of an anchor above its candidates, sorted from nearest to farthest.

    All panels have the same scales. The rank of each candidate, and its distance or similarity, are
    beside its panel.

    It is recommended to use :meth:`from_estimator`. All parameters are stored as attributes.

    Parameters
    ----------
    anchor : array-like of shape (n_timesteps, n_channels)
        The anchor.
    candidates : sequence of array-like of shape (n_candidate_timesteps, n_channels)
        Candidates to draw, in this order.
    scores : array-like of shape (n_drawn,)
        Distances or similarities of the candidates that are drawn.
    ranks : array-like of int of shape (n_drawn,)
        Ranks of these candidates among all candidates. Rank 1 is the nearest.
    n_candidates : int
        Number of candidates that were ranked.
    score_name : str, default="distance"
        Name of the scores.
    score_unit : str or None, default=None
        Unit of the scores. If None, they have no unit.
    labels : sequence of shape (n_drawn,) or None, default=None
        Labels of the candidates, which are written beside them. If None, there are no labels.
    anchor_label : object or None, default=None
        Label of the anchor. If None, it has no label.
    sampling_rate : float or None, default=None
        Sampling rate in Hz. If None, time is drawn in time steps instead of seconds.
    channel_names : sequence of str or None, default=None
        Names of the channels. If None, use x, y and z for three channels, else numbers.
    unit : str or None, default="g"
        Unit of the segments. If None, they have no unit.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes of the anchor.
    axes_ : list of matplotlib Axes
        Axes of the anchor and the candidates, from top to bottom.
    figure_ : matplotlib Figure
        Figure that holds them.
    lines_ : list of list of matplotlib Line2D
        Lines of each panel, one per channel.
    texts_ : list of matplotlib Text
        Texts beside the panels.

    See Also
    --------
    MotifMatchDisplay : Attention map between an anchor and one candidate.
    RelativeSimilarityDisplay : Similarity and distance of all candidates of an anchor.

    Examples
    --------
    >>> from relcon_sklearn import LearnedMotifDistance
    >>> from relcon_sklearn.datasets import make_motion
    >>> from relcon_sklearn.plotting import CandidateRankingDisplay
    >>> X, y, subjects, *_ = make_motion(60, n_subjects=3, n_timesteps=64, random_state=0)
    >>> distance = LearnedMotifDistance(embed_dim=8, max_epochs=1, random_state=0)
    >>> display = CandidateRankingDisplay.from_estimator(
    ...     distance.fit(X, groups=subjects), X[0], X[1:], n=3, labels=y[1:], sampling_rate=100
    ... )
    >>> len(display.axes_)
    4
    """

    def __init__(
        self,
        *,
        anchor,
        candidates,
        scores,
        ranks,
        n_candidates,
        score_name="distance",
        score_unit=None,
        labels=None,
        anchor_label=None,
        sampling_rate=None,
        channel_names=None,
        unit="g",
    ):
        self.anchor = anchor
        self.candidates = candidates
        self.scores = scores
        self.ranks = ranks
        self.n_candidates = n_candidates
        self.score_name = score_name
        self.score_unit = score_unit
        self.labels = labels
        self.anchor_label = anchor_label
        self.sampling_rate = sampling_rate
        self.channel_names = channel_names
        self.unit = unit

    @classmethod
    def from_estimator(
        cls,
        estimator,
        anchor,
        candidates,
        *,
        n=5,
        show="nearest",
        labels=None,
        anchor_label=None,
        sampling_rate=None,
        channel_names=None,
        unit="g",
        ax=None,
        **kwargs,
    ):
        """Rank candidates and plot some of them.

        Parameters
        ----------
        estimator : LearnedMotifDistance, transformer or callable
            Estimator or function that ranks the candidates. A fitted distance ranks by distance,
            and a fitted embedder or any other transformer by the cosine similarity of embeddings. A
            callable ``distance(anchors, candidates)`` must return the distances, of shape
            (n_anchors, n_candidates).
        anchor : array-like of shape (n_timesteps, n_channels)
            The anchor.
        candidates : array-like of shape (n_candidates, n_timesteps, n_channels)
            The candidates. If they include the anchor, it is ranked too.
        n : int, default=5
            Number of candidates to draw.
        show : {"nearest", "spread"}, default="nearest"
            Candidates to draw: the nearest ones, or candidates with ranks at even intervals from
            the nearest to the farthest.
        labels : array-like of shape (n_candidates,) or None, default=None
            Labels of the candidates, for example activities, which are written beside them. If
            None, there are no labels.
        anchor_label : object or None, default=None
            Label of the anchor. If None, it has no label.
        sampling_rate : float or None, default=None
            Sampling rate in Hz. If None, time is drawn in time steps instead of seconds.
        channel_names : sequence of str or None, default=None
            Names of the channels. If None, use x, y and z for three channels, else numbers.
        unit : str or None, default="g"
            Unit of the segments. If None, they have no unit.
        ax : matplotlib Axes or None, default=None
            Empty axes that the panels replace. Their figure should have ``layout="constrained"``.
            If None, create a new figure.
        **kwargs : dict
            Keyword arguments of :meth:`matplotlib.axes.Axes.plot` for the signals, except
            ``label``.

        Returns
        -------
        display : CandidateRankingDisplay
            The display that was drawn.

        Raises
        ------
        ValueError
            If a parameter or a segment is invalid.
        TypeError
            If `estimator` is neither a distance nor a transformer.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        if show not in ("nearest", "spread"):
            raise ValueError(f"show={show!r}; expected 'nearest' or 'spread'.")
        if n < 1:
            raise ValueError(f"n={n}; expected at least 1 candidate to draw.")
        anchor = as_segment(anchor, "anchor")
        candidates = candidates if hasattr(candidates, "shape") else np.asarray(candidates)
        n_candidates = len(candidates)
        if labels is not None and len(labels) != n_candidates:
            raise ValueError(
                f"labels has {len(labels)} entries, but there are {n_candidates} candidates."
            )
        comparison = compare(estimator, anchor, candidates)
        order = comparison.order()
        positions = _positions_to_draw(n_candidates, n, show)
        rows = order[positions]
        display = cls(
            anchor=anchor,
            candidates=SegmentArray(candidates, "candidates").read(rows),
            scores=comparison.scores[rows],
            ranks=positions + 1,
            n_candidates=n_candidates,
            score_name=comparison.name,
            score_unit=_score_unit(comparison, unit),
            labels=None if labels is None else np.asarray(labels)[rows],
            anchor_label=anchor_label,
            sampling_rate=sampling_rate,
            channel_names=channel_names,
            unit=unit,
        )
        return display.plot(ax=ax, **kwargs)

    def plot(self, ax=None, **kwargs):
        """Plot the ranking.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Empty axes that the panels replace. Their figure should have ``layout="constrained"``.
            If None, create a new figure.
        **kwargs : dict
            Keyword arguments of :meth:`matplotlib.axes.Axes.plot` for the signals, except
            ``label``.

        Returns
        -------
        display : CandidateRankingDisplay
            The display itself.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        import matplotlib.pyplot as plt

        kwargs = line_keywords(kwargs, refused=["label"])
        segments = self._check_segments()
        names = channel_labels(self.channel_names, segments[0].shape[1])
        texts = self._texts()
        # The height of the panels depends on the number of lines beside them.
        lines = max(text.count("\n") + 1 for text in texts)
        height = 1 + max(0.95, 0.19 * lines) * len(segments)
        # The signals take about 60 % of the width of the figure.
        entries = [wrap(name, _LINE_LENGTH) for name in names]
        ncols = legend_columns(entries, 4.3 if ax is None else 0.8 * axes_width(ax))
        height += 0.21 * (legend_lines(entries, ncols) - 1)
        self.figure_, grid = panels(plt, ax, len(segments), 1, figsize=(7, height), hspace=0.05)
        self.axes_, self.lines_, self.texts_ = [], [], []
        for i, (segment, text) in enumerate(zip(segments, texts, strict=True)):
            first = self.axes_[0] if self.axes_ else None
            panel = self.figure_.add_subplot(grid[i], sharex=first, sharey=first)
            time = sample_times(len(segment), self.sampling_rate)
            self.lines_.append(draw_channels(panel, time, segment, names, **kwargs))
            self.texts_.append(
                panel.text(1.02, 0.5, text, transform=panel.transAxes, va="center", ha="left")
            )
            panel.tick_params(labelbottom=i == len(segments) - 1)
            panel.margins(x=0.01)
            hide_spines(panel)
            self.axes_.append(panel)
        self.ax_ = self.axes_[0]
        self._label(entries, ncols)
        return self

    def _check_segments(self) -> list[np.ndarray]:
        """Return the anchor and the candidates as arrays with the same number of channels.

        Raises
        ------
        ValueError
            If a parameter of the display is invalid, or if parameters have different lengths.
        """
        check_sampling_rate(self.sampling_rate)
        anchor = as_segment(self.anchor, "anchor")
        candidates = [as_segment(segment, "candidate") for segment in self.candidates]
        if any(segment.shape[1] != anchor.shape[1] for segment in candidates):
            raise ValueError(f"candidates must have {anchor.shape[1]} channels, like the anchor.")
        for name in ("scores", "ranks", "labels"):
            values = getattr(self, name)
            if values is not None and len(values) != len(candidates):
                raise ValueError(
                    f"{name} has {len(values)} entries, but {len(candidates)} candidates are drawn."
                )
        return [anchor, *candidates]

    def _texts(self) -> list[str]:
        """Return the text beside each panel."""
        texts = ["anchor"]
        if self.anchor_label is not None:
            texts[0] += f"\n{wrap(self.anchor_label, _LINE_LENGTH)}"
        for i, (rank, score) in enumerate(zip(self.ranks, self.scores, strict=True)):
            lines = [f"rank {rank}", f"{self.score_name} {with_unit(score, self.score_unit)}"]
            if self.labels is not None:
                lines.append(wrap(self.labels[i], _LINE_LENGTH))
            texts.append("\n".join(lines))
        return texts

    def _label(self, names, ncols: int) -> None:
        """Add the title, the legend and the labels of the axes."""
        anchor, *_, last = self.axes_
        # Light grey on a white background, dark grey on black.
        anchor.set_facecolor((text_colour(), 0.05))
        self.texts_[0].set_fontweight("bold")
        anchor.set_title(
            f"Anchor, and {len(self.axes_) - 1} of {self.n_candidates} candidates, nearest first",
            loc="left",
            pad=7 + 15 * legend_lines(names, ncols),
        )
        # At the top of the anchor's panel, below the title.
        anchor.legend(
            self.lines_[0],
            names,
            loc="lower left",
            bbox_to_anchor=(-0.01, 0.93),
            ncols=ncols,
            frameon=False,
        )
        last.set_xlabel(time_label(self.sampling_rate))
        self.axes_[len(self.axes_) // 2].set_ylabel(value_label(self.unit))


def _positions_to_draw(n_candidates: int, n: int, show: str) -> np.ndarray:
    """Return the positions, counted from 0, of the candidates to draw in the sorted list."""
    n = min(n, n_candidates)
    if show == "nearest":
        return np.arange(n)
    return np.linspace(0, n_candidates - 1, n).round().astype(int)


def _score_unit(comparison: Comparison, unit: str | None) -> str | None:
    """Return the unit of a motif distance, or None because the unit of other scores is unknown."""
    return square_of(unit) if unit is not None and comparison.name == "motif distance" else None
