"""RelativeSimilarityDisplay: does similarity follow distance, for one anchor?"""

from __future__ import annotations

from numbers import Real

import numpy as np
from scipy.stats import spearmanr
from sklearn.utils._optional_dependencies import check_matplotlib_support

from ._keywords import COLOURS, is_filled, scatter_keywords
from ._legends import axes_width, below, entry_width
from ._scores import compare, ranking_distance
from ._style import GREY, MINUS, RHO, as_segment, bare, colour, only_axes, squared

# Keywords of scatter that the display needs for what it shows.
_OWN_KEYWORDS = (*COLOURS, "edgecolor", "label")


class RelativeSimilarityDisplay:
    """Similarity of embeddings against distance, for all candidates of one anchor.

    RelCon trains an encoder so that similarity falls as distance grows, for every candidate and not
    only for those of the same person or class. Here each candidate is a point; its colour says
    whether it is of the anchor's class, its marker whether of the anchor's group. Spearman's rank
    correlation is written above: -1 is an order kept perfectly.

    It is recommended to use :meth:`from_estimator`. All parameters are stored as attributes.

    Parameters
    ----------
    distances : array-like of shape (n_candidates,)
        Distance of the anchor from each candidate.
    similarities : array-like of shape (n_candidates,)
        Cosine similarity of its embedding to theirs.
    same_label : array-like of bool of shape (n_candidates,) or None, default=None
        Whether the candidate has the label of the anchor. None is not known.
    same_group : array-like of bool of shape (n_candidates,) or None, default=None
        Whether it has the group of the anchor. None is not known.
    label_name : str, default="class"
        What the labels are, for the legend.
    group_name : str, default="subject"
        What the groups are, for the legend.
    distance_name : str, default="distance"
        Label of the x axis.

    Attributes
    ----------
    correlation_ : float
        Spearman's rank correlation of similarities with distances; NaN if either is constant.
    ax_ : matplotlib Axes
        Axes of the plot.
    figure_ : matplotlib Figure
        Figure that holds them.
    scatters_ : dict of str to matplotlib PathCollection
        The points, by their name in the legend.

    See Also
    --------
    CandidateRankingDisplay : The nearest candidates as signals.

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
        """Compare an anchor with candidates both ways, and plot it.

        Parameters
        ----------
        embedder : estimator with ``transform``
            Fitted.
        anchor : array-like of shape (n_timesteps, n_channels)
            The anchor.
        candidates : array-like of shape (n_candidates, n_timesteps, n_channels)
            The candidates; leave the anchor itself out.
        distance : LearnedMotifDistance, callable or None, default=None
            Fitted, or ``distance(anchors, candidates)``. None takes the one that `embedder` was
            trained by.
        labels : array-like of shape (n_candidates,) or None, default=None
            Classes of the candidates.
        anchor_label : object or None, default=None
            Class of the anchor; needed with `labels`.
        groups : array-like of shape (n_candidates,) or None, default=None
            Whose each candidate is.
        anchor_group : object or None, default=None
            Whose the anchor is; needed with `groups`.
        label_name : str, default="class"
            What the labels are, for the legend: "activity", for one.
        group_name : str, default="subject"
            What the groups are, for the legend.
        unit : str or None, default="g"
            Of the values of the segments; a motif distance is in its square.
        ax : matplotlib Axes or None, default=None
            Axes to draw on; make their figure with
            ``layout="constrained"``. None makes a new figure.
        **kwargs : dict
            Passed on to :meth:`matplotlib.axes.Axes.scatter`; colours and ``label`` excepted, and
            with groups ``marker``.

        Returns
        -------
        display : RelativeSimilarityDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If labels or groups do not fit the candidates or the anchor's, or that is missing.
        TypeError
            If `distance` is None, and the embedder was not trained by one.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        anchor = as_segment(anchor, "anchor")
        candidates = candidates if hasattr(candidates, "shape") else np.asarray(candidates)
        n = len(candidates)
        same_label = _same(labels, anchor_label, n, "labels", "anchor_label")
        same_group = _same(groups, anchor_group, n, "groups", "anchor_group")
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
            + (f" {_bracketed(squared(unit))}" if motif and unit else ""),
        )
        return display.plot(ax=ax, **kwargs)

    def plot(self, ax=None, **kwargs):
        """Plot similarity against distance.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Axes to draw on; make their figure with
            ``layout="constrained"``. None makes a new figure.
        **kwargs : dict
            Passed on to :meth:`matplotlib.axes.Axes.scatter`; colours and ``label`` excepted, and
            with groups ``marker``.

        Returns
        -------
        display : RelativeSimilarityDisplay
            The display itself.

        Raises
        ------
        ValueError
            If distances or similarities are not finite, or do not fit each other.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        import matplotlib.pyplot as plt

        own = _OWN_KEYWORDS if self.same_group is None else (*_OWN_KEYWORDS, "marker")
        kwargs = scatter_keywords(kwargs, refused=own)
        distances = _numbers(self.distances, "distances")
        similarities = _numbers(self.similarities, "similarities")
        if distances.ndim != 1 or distances.shape != similarities.shape or len(distances) < 2:
            raise ValueError(
                f"distances have shape {distances.shape} and similarities {similarities.shape}; "
                "expected (n_candidates,) both, of two candidates or more."
            )
        kinds = self._kinds(len(distances))
        self.ax_ = only_axes(plt, ax, figsize=(6.5, 4.6))
        self.figure_ = self.ax_.figure
        self.scatters_ = {}
        # The rarer, nearer kinds are drawn last, on top, and named first.
        for name, rows, style in reversed(kinds):
            if not is_filled(kwargs.get("marker", style["marker"])):
                # A cross has no face, and is drawn in the colour of its edge.
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
        """Return the kinds of candidates that there are: name, rows, and how they look."""
        kinds = []
        for i, (word_label, same_label) in enumerate(_answers(self.same_label, n, self.label_name)):
            answers = _answers(self.same_group, n, self.group_name)
            for j, (word_group, same_group) in enumerate(answers):
                rows = same_label & same_group
                name = ", ".join(word for word in (word_group, word_label) if word) or "candidate"
                style = {"marker": "o^"[j], "edgecolors": colour(i)}
                style["facecolors"] = colour(i) if j == 0 else "none"
                if rows.any():
                    kinds.append((name, rows, style))
        return kinds

    def _label(self, distances) -> None:
        ax = self.ax_
        ax.set_xlabel(self.distance_name)
        ax.set_ylabel("cosine similarity to the anchor")
        value = f"= {self.correlation_:.2f}".replace("-", MINUS)
        value = "undefined" if np.isnan(self.correlation_) else value
        ax.set_title(f"Spearman's {RHO} {value} (n = {len(distances)})")
        # Distances of unlike candidates are many times those of like ones.
        if distances.min() > 0 and distances.max() > 10 * distances.min():
            _set_log_scale(ax, distances.max() / distances.min())
        ax.grid(color=GREY, alpha=0.25, linewidth=0.6)
        ax.set_axisbelow(True)
        # Of one kind only, the legend says which.
        if self.same_label is not None or self.same_group is not None:
            names = list(self.scatters_)
            # Long names would cover the points.
            short = entry_width(names) < 0.6 * axes_width(ax)
            place = {"loc": "best"} if short else {"frameon": False, **below(ax)}
            ax.legend(list(self.scatters_.values()), names, **place)
        bare(ax)


def _set_log_scale(ax, ratio: float) -> None:
    """Make the x axis logarithmic, with no more ticks than there is room for."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    subs = (1,)
    if ratio < 300:
        subs = (1, 2, 5) if axes_width(ax) > 3 else (1, 3)
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(subs=subs))
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())


def _bracketed(unit: str) -> str:
    """Return a unit in brackets, those it may have itself being enough."""
    return unit if unit.startswith("(") else f"({unit})"


def _numbers(values, name: str) -> np.ndarray:
    values = np.asarray(values)
    if values.dtype.kind not in "fiub" or not np.isfinite(values).all():
        raise ValueError(f"{name} have to be finite numbers: leave out candidates that have none.")
    return values


def _same(values, anchor_value, n: int, name: str, anchor_name: str) -> np.ndarray | None:
    """Return which candidates have the anchor's value, or None where it is not known."""
    if values is None and anchor_value is None:
        return None
    if values is None or anchor_value is None:
        raise ValueError(f"{name} and {anchor_name} go together: pass both, or neither.")
    values = np.asarray(values)
    if values.shape != (n,):
        raise ValueError(f"{name} has shape {values.shape}, but there are {n} candidates.")
    kinds = _kind(values), _kind(np.asarray(anchor_value))
    if None not in kinds and kinds[0] != kinds[1]:
        raise ValueError(
            f"{anchor_name}={anchor_value!r} is a {kinds[1]}, but {name} holds {kinds[0]}s: no "
            "candidate could be of its kind. Pass it as the same type."
        )
    return values == anchor_value


def _kind(values: np.ndarray) -> str | None:
    """Return whether values are strings or numbers; None where they are neither, or both."""
    if values.dtype.kind == "O":
        # pandas has its strings as objects.
        kinds = {
            "string" if isinstance(value, str) else "number" if isinstance(value, Real) else None
            for value in values.flat
        }
        return kinds.pop() if len(kinds) == 1 else None
    return {"U": "string"}.get(values.dtype.kind, "number" if values.dtype.kind in "biuf" else None)


def _answers(same, n: int, name: str) -> list[tuple[str, np.ndarray]]:
    """Return (words, rows) of those of the anchor's own kind and of the others."""
    if same is None:
        return [("", np.ones(n, dtype=bool))]
    same = np.asarray(same)
    if same.shape != (n,) or same.dtype != bool:
        raise ValueError(
            f"whether candidates are of the same {name} has shape {same.shape} and dtype "
            f"{same.dtype}; expected ({n},) booleans."
        )
    return [(f"same {name}", same), (f"other {name}", ~same)]
