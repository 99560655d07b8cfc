"""RelativeSimilarityDisplay, which shows similarity against distance for one anchor."""

from __future__ import annotations

from numbers import Real

import numpy as np
from scipy.stats import spearmanr
from sklearn.utils._optional_dependencies import check_matplotlib_support

from ._keywords import COLOURS, is_filled, scatter_keywords
from ._legends import axes_width, entry_width, place_below
from ._scores import compare, ranking_distance
from ._style import GREY, MINUS, RHO, as_segment, colour, given_or_new_axes, hide_spines, square_of

# Keyword arguments of scatter that the display sets itself.
_OWN_KEYWORDS = (*COLOURS, "edgecolor", "label")


class RelativeSimilarityDisplay:
    """Similarity of embeddings against distance, for all candidates of one anchor.

    RelCon trains an encoder so that similarity decreases with distance, for every candidate and not
    only for candidates of the same subject or class. Each point is a candidate. Its colour shows
    whether it has the anchor's class, and its marker whether it has the anchor's group. The title
    has Spearman's rank correlation, which is -1 if similarity decreases with distance throughout.

    It is recommended to use :meth:`from_estimator`. All parameters are stored as attributes.

    Parameters
    ----------
    distances : array-like of shape (n_candidates,)
        Distance of the anchor from each candidate.
    similarities : array-like of shape (n_candidates,)
        Cosine similarity of the anchor's embedding and each candidate's embedding.
    same_label : array-like of bool of shape (n_candidates,) or None, default=None
        Whether each candidate has the label of the anchor. If None, this is unknown.
    same_group : array-like of bool of shape (n_candidates,) or None, default=None
        Whether each candidate belongs to the group of the anchor. If None, this is unknown.
    label_name : str, default="class"
        Name of the labels in the legend.
    group_name : str, default="subject"
        Name of the groups in the legend.
    distance_name : str, default="distance"
        Label of the x axis.

    Attributes
    ----------
    correlation_ : float
        Spearman's rank correlation of similarities and distances, or NaN if either is constant.
    ax_ : matplotlib Axes
        Axes of the plot.
    figure_ : matplotlib Figure
        Figure that holds them.
    scatters_ : dict of str to matplotlib PathCollection
        Points, with their names in the legend as keys.

    See Also
    --------
    CandidateRankingDisplay : Signals of the nearest candidates.

    Examples
    --------
    >>> import numpy as np
    >>> from relcon_sklearn.plotting import RelativeSimilarityDisplay
    >>> display = RelativeSimilarityDisplay(
    ...     distances=[1.0, 2.0, 5.0],
    ...     similarities=[0.9, 0.7, 0.1],
    ...     same_group=[True, False, False],
    ... ).plot()
    >>> list(display.scatters_)
    ['same subject', 'other subject']
    >>> round(display.correlation_, 2)
    -1.0
    """

    def __init__(
        self,
        *,
        distances,
        similarities,
        same_label=None,
        same_group=None,
        label_name="class",
        group_name="subject",
        distance_name="distance",
    ):
        self.distances = distances
        self.similarities = similarities
        self.same_label = same_label
        self.same_group = same_group
        self.label_name = label_name
        self.group_name = group_name
        self.distance_name = distance_name

    @classmethod
    def from_estimator(
        cls,
        embedder,
        anchor,
        candidates,
        *,
        distance=None,
        labels=None,
        anchor_label=None,
        groups=None,
        anchor_group=None,
        label_name="class",
        group_name="subject",
        unit="g",
        ax=None,
        **kwargs,
    ):
        """Compute similarities and distances of candidates and plot them.

        Parameters
        ----------
        embedder : estimator with ``transform``
            Fitted embedder.
        anchor : array-like of shape (n_timesteps, n_channels)
            The anchor.
        candidates : array-like of shape (n_candidates, n_timesteps, n_channels)
            The candidates, without the anchor itself.
        distance : LearnedMotifDistance, callable or None, default=None
            Fitted distance, or a callable ``distance(anchors, candidates)``. If None, use the
            distance that `embedder` was trained with.
        labels : array-like of shape (n_candidates,) or None, default=None
            Classes of the candidates. If None, classes are not shown.
        anchor_label : object or None, default=None
            Class of the anchor, which is needed if `labels` is given.
        groups : array-like of shape (n_candidates,) or None, default=None
            The subject each candidate belongs to. If None, subjects are not shown.
        anchor_group : object or None, default=None
            The subject the anchor belongs to, which is needed if `groups` is given.
        label_name : str, default="class"
            Name of the labels in the legend, for example "activity".
        group_name : str, default="subject"
            Name of the groups in the legend.
        unit : str or None, default="g"
            Unit of the segments. A motif distance has the square of this unit. If None, no unit is
            shown.
        ax : matplotlib Axes or None, default=None
            Axes to draw on. Their figure should have ``layout="constrained"``. If None, create a
            new figure.
        **kwargs : dict
            Keyword arguments of :meth:`matplotlib.axes.Axes.scatter`, except colours, ``label``
            and, with groups, ``marker``.

        Returns
        -------
        display : RelativeSimilarityDisplay
            The display that was drawn.

        Raises
        ------
        ValueError
            If the number of labels or groups differs from the number of candidates, or if the label
            or group of the anchor is missing or has another type.
        TypeError
            If `distance` is None and `embedder` has no distance.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        anchor = as_segment(anchor, "anchor")
        candidates = candidates if hasattr(candidates, "shape") else np.asarray(candidates)
        n = len(candidates)
        same_label = _same_as_anchor(labels, anchor_label, n, "labels", "anchor_label")
        same_group = _same_as_anchor(groups, anchor_group, n, "groups", "anchor_group")
        distances = compare(
            ranking_distance(embedder) if distance is None else distance, anchor, candidates
        )
        motif = distances.name == "motif distance"
        display = cls(
            distances=distances.scores,
            similarities=compare(embedder, anchor, candidates).scores,
            same_label=same_label,
            same_group=same_group,
            label_name=label_name,
            group_name=group_name,
            distance_name=f"{distances.name} from the anchor"
            + (f" {_in_parentheses(square_of(unit))}" if motif and unit else ""),
        )
        return display.plot(ax=ax, **kwargs)

    def plot(self, ax=None, **kwargs):
        """Plot similarity against distance.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Axes to draw on. Their figure should have ``layout="constrained"``. If None, create a
            new figure.
        **kwargs : dict
            Keyword arguments of :meth:`matplotlib.axes.Axes.scatter`, except colours, ``label``
            and, with groups, ``marker``.

        Returns
        -------
        display : RelativeSimilarityDisplay
            The display itself.

        Raises
        ------
        ValueError
            If distances or similarities are not finite, or if their shapes differ.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        import matplotlib.pyplot as plt

        own = _OWN_KEYWORDS if self.same_group is None else (*_OWN_KEYWORDS, "marker")
        kwargs = scatter_keywords(kwargs, refused=own)
        distances = _numbers(self.distances, "distances")
        similarities = _numbers(self.similarities, "similarities")
        if distances.ndim != 1 or distances.shape != similarities.shape or len(distances) < 2:
            raise ValueError(
                f"distances have shape {distances.shape} and similarities {similarities.shape}. "
                "Expected shape (n_candidates,) for both, with at least two candidates."
            )
        kinds = self._kinds(len(distances))
        self.ax_ = given_or_new_axes(plt, ax, figsize=(6.5, 4.6))
        self.figure_ = self.ax_.figure
        self.scatters_ = {}
        # Kinds that share the label or group of the anchor are rarer. They are drawn last, so that
        # they are on top, and come first in the legend.
        for name, rows, style in reversed(kinds):
            if not is_filled(kwargs.get("marker", style["marker"])):
                # A cross has no face, and its lines have the colour of the edges.
                style = {"c": style["edgecolors"]}
            settings = {"s": 26, "alpha": 0.8, "linewidths": 1.0} | style | kwargs
            points = self.ax_.scatter(distances[rows], similarities[rows], label=name, **settings)
            self.scatters_[name] = points
        self.scatters_ = {name: self.scatters_[name] for name, *_ in kinds}
        constant = np.ptp(distances) == 0 or np.ptp(similarities) == 0
        self.correlation_ = (
            np.nan if constant else float(spearmanr(distances, similarities).statistic)
        )
        self._label(distances)
        return self

    def _kinds(self, n: int) -> list[tuple[str, np.ndarray, dict]]:
        """Return the name, rows and style of each kind of candidates that occurs."""
        kinds = []
        by_label = _same_and_other(self.same_label, n, self.label_name)
        by_group = _same_and_other(self.same_group, n, self.group_name)
        for i, (label_text, same_label) in enumerate(by_label):
            for j, (group_text, same_group) in enumerate(by_group):
                rows = same_label & same_group
                name = ", ".join(text for text in (group_text, label_text) if text) or "candidate"
                style = {"marker": "o^"[j], "edgecolors": colour(i)}
                style["facecolors"] = colour(i) if j == 0 else "none"
                if rows.any():
                    kinds.append((name, rows, style))
        return kinds

    def _label(self, distances) -> None:
        """Add the title, the legend and the labels of the axes."""
        ax = self.ax_
        ax.set_xlabel(self.distance_name)
        ax.set_ylabel("cosine similarity to the anchor")
        value = f"= {self.correlation_:.2f}".replace("-", MINUS)
        value = "undefined" if np.isnan(self.correlation_) else value
        ax.set_title(f"Spearman's {RHO} {value} (n = {len(distances)})")
        # Distances of dissimilar candidates can be many times the distances of similar ones.
        if distances.min() > 0 and distances.max() > 10 * distances.min():
            _set_log_scale(ax, distances.max() / distances.min())
        ax.grid(color=GREY, alpha=0.25, linewidth=0.6)
        ax.set_axisbelow(True)
        # The legend is drawn even if there is only one kind, to show which kind it is.
        if self.same_label is not None or self.same_group is not None:
            names = list(self.scatters_)
            # Long names would cover the points.
            short = entry_width(names) < 0.6 * axes_width(ax)
            place = {"loc": "best"} if short else {"frameon": False, **place_below(ax)}
            ax.legend(list(self.scatters_.values()), names, **place)
        hide_spines(ax)


def _set_log_scale(ax, ratio: float) -> None:
    """Make the x axis logarithmic, with ticks that fit its width."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    subs = (1,)
    if ratio < 300:
        subs = (1, 2, 5) if axes_width(ax) > 3 else (1, 3)
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(subs=subs))
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())


def _in_parentheses(unit: str) -> str:
    """Return a unit in parentheses, unless it already starts with a parenthesis."""
    return unit if unit.startswith("(") else f"({unit})"


def _numbers(values, name: str) -> np.ndarray:
    """Return values as an array, or raise ValueError unless they are finite numbers."""
    values = np.asarray(values)
    if values.dtype.kind not in "fiub" or not np.isfinite(values).all():
        raise ValueError(f"{name} must be finite numbers. Remove candidates without a number.")
    return values


def _same_as_anchor(values, anchor_value, n: int, name: str, anchor_name: str) -> np.ndarray | None:
    """Return whether each candidate has the anchor's value, or None if this is unknown."""
    if values is None and anchor_value is None:
        return None
    if values is None or anchor_value is None:
        raise ValueError(f"{name} and {anchor_name} must be passed together. Pass both or neither.")
    values = np.asarray(values)
    if values.shape != (n,):
        raise ValueError(f"{name} has shape {values.shape}, but there are {n} candidates.")
    types = _value_type(values), _value_type(np.asarray(anchor_value))
    if None not in types and types[0] != types[1]:
        raise ValueError(
            f"{anchor_name}={anchor_value!r} is a {types[1]}, but {name} holds {types[0]}s, so "
            "that no value can match. Pass both as the same type."
        )
    return values == anchor_value


def _value_type(values: np.ndarray) -> str | None:
    """Return "string" or "number", or None if values are neither or both."""
    if values.dtype.kind == "O":
        # pandas stores strings as objects.
        types = {
            "string" if isinstance(value, str) else "number" if isinstance(value, Real) else None
            for value in values.flat
        }
        return types.pop() if len(types) == 1 else None
    return {"U": "string"}.get(values.dtype.kind, "number" if values.dtype.kind in "biuf" else None)


def _same_and_other(same, n: int, name: str) -> list[tuple[str, np.ndarray]]:
    """Return the name and rows of candidates that share the anchor's value, and of all others."""
    if same is None:
        return [("", np.ones(n, dtype=bool))]
    same = np.asarray(same)
    if same.shape != (n,) or same.dtype != bool:
        raise ValueError(
            f"The array of candidates with the same {name} has shape {same.shape} and dtype "
            f"{same.dtype}; expected shape ({n},) and dtype bool."
        )
    return [(f"same {name}", same), (f"other {name}", ~same)]
