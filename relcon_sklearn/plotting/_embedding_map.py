"""EmbeddingMapDisplay: embeddings in two dimensions, coloured by what is known of them."""

from __future__ import annotations

import numpy as np
from sklearn.decomposition import PCA
from sklearn.utils import check_array
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils.validation import column_or_1d

from ._style import COLOUR_MAP, PALETTE, panels

_MARKERS = "o^sDv*Ph"

# With more classes than this, a legend would be read by nobody.
_MOST_IN_LEGEND = 24


class EmbeddingMapDisplay:
    """Two-dimensional map of embeddings, coloured by class, by group or by a number.

    Points that lie near each other have similar embeddings. Drawn by activity and beside it by
    subject, it shows which of the two an embedding is organised by.

    It is recommended to use :meth:`from_embeddings` or :meth:`from_estimator`. All parameters are
    stored as attributes.

    Parameters
    ----------
    positions : ndarray of shape (n_segments, 2)
        Where each embedding lies on the map.
    labels : array-like of shape (n_segments,)
        What the points of the first panel are coloured by. Floating-point numbers of more than 8
        values get a colour bar, all else a legend.
    groups : array-like of shape (n_segments,) or None, default=None
        What the points of a second panel are coloured by; always taken as names. None leaves that
        panel out.
    label_name : str, default="class"
        What the labels are, with a unit if they have one: "activity", "speed (m/s)".
    group_name : str, default="subject"
        What the groups are.
    axis_names : tuple of two str, default=("dimension 1", "dimension 2")
        Labels of the axes.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes of the first panel.
    axes_ : list of matplotlib Axes
        Axes of all panels.
    figure_ : matplotlib Figure
        Figure that holds them.
    scatters_ : list of list of matplotlib PathCollection
        The points drawn: for each panel one collection, or one per marker for more than 8
        classes.
    colorbar_ : matplotlib Colorbar or None
        The colour bar, if labels are continuous.

    See Also
    --------
    RelativeSimilarityDisplay : How similarity goes with distance, for one anchor.

    Examples
    --------
    >>> import numpy as np
    >>> from relcon_sklearn.plotting import EmbeddingMapDisplay
    >>> rng = np.random.default_rng(0)
    >>> Z = np.vstack([rng.normal(0, 1, (20, 5)), rng.normal(4, 1, (20, 5))])
    >>> activity = np.repeat(["sitting", "walking"], 20)
    >>> display = EmbeddingMapDisplay.from_embeddings(Z, activity, label_name="activity")
    >>> [text.get_text() for text in display.ax_.get_legend().get_texts()]
    ['sitting', 'walking']
    """

    def __init__(
        self,
        *,
        positions,
        labels,
        groups=None,
        label_name="class",
        group_name="subject",
        axis_names=("dimension 1", "dimension 2"),
    ):
        self.positions = positions
        self.labels = labels
        self.groups = groups
        self.label_name = label_name
        self.group_name = group_name
        self.axis_names = axis_names

    @classmethod
    def from_estimator(
        cls,
        embedder,
        X,
        labels,
        *,
        groups=None,
        transformer=None,
        label_name="class",
        group_name="subject",
        ax=None,
        **kwargs,
    ):
        """Embed segments and plot their map.

        Parameters
        ----------
        embedder : estimator with ``transform``
            Fitted: a :class:`relcon_sklearn.RelConEmbedder`, or a pipeline of transformers.
        X : array-like of shape (n_segments, n_timesteps, n_channels)
            Segments.
        labels : array-like of shape (n_segments,)
            What to colour by: names, or numbers.
        groups : array-like of shape (n_segments,) or None, default=None
            Whose each segment is, for a second panel coloured by it.
        transformer : estimator with ``fit_transform`` or None, default=None
            Maps embeddings to two dimensions, :class:`sklearn.manifold.TSNE` for one. None takes
            the first two principal components.
        label_name : str, default="class"
            What the labels are, with a unit if they have one.
        group_name : str, default="subject"
            What the groups are.
        ax : matplotlib Axes or None, default=None
            Axes in whose place the panels are drawn; None makes a new figure.
        **kwargs : dict
            Passed on to :meth:`matplotlib.axes.Axes.scatter`.

        Returns
        -------
        display : EmbeddingMapDisplay
            The display, drawn.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        return cls.from_embeddings(
            embedder.transform(X),
            labels,
            groups=groups,
            transformer=transformer,
            label_name=label_name,
            group_name=group_name,
            ax=ax,
            **kwargs,
        )

    @classmethod
    def from_embeddings(
        cls,
        Z,
        labels,
        *,
        groups=None,
        transformer=None,
        label_name="class",
        group_name="subject",
        ax=None,
        **kwargs,
    ):
        """Plot the map of embeddings.

        Parameters
        ----------
        Z : array-like of shape (n_segments, n_features)
            Embeddings.
        labels : array-like of shape (n_segments,)
            What to colour by: names, or numbers.
        groups : array-like of shape (n_segments,) or None, default=None
            Whose each segment is, for a second panel coloured by it.
        transformer : estimator with ``fit_transform`` or None, default=None
            Maps embeddings to two dimensions, :class:`sklearn.manifold.TSNE` for one. None takes
            the first two principal components.
        label_name : str, default="class"
            What the labels are, with a unit if they have one.
        group_name : str, default="subject"
            What the groups are.
        ax : matplotlib Axes or None, default=None
            Axes in whose place the panels are drawn; None makes a new figure.
        **kwargs : dict
            Passed on to :meth:`matplotlib.axes.Axes.scatter`.

        Returns
        -------
        display : EmbeddingMapDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If there is not one label for each embedding, if embeddings are not finite, or if
            `transformer` does not give two dimensions.
        """
        check_matplotlib_support(f"{cls.__name__}.from_embeddings")
        Z = check_array(Z, input_name="Z", ensure_min_samples=2)
        if transformer is None:
            transformer = PCA(n_components=min(2, Z.shape[1]), random_state=0)
        positions = np.asarray(transformer.fit_transform(Z))
        if positions.shape != (len(Z), 2):
            raise ValueError(
                f"the map of Z has shape {positions.shape}; expected ({len(Z)}, 2): embeddings "
                "need two features or more, and transformer=... n_components=2."
            )
        display = cls(
            positions=positions,
            labels=labels,
            groups=groups,
            label_name=label_name,
            group_name=group_name,
            axis_names=_axis_names(transformer),
        )
        return display.plot(ax=ax, **kwargs)

    def plot(self, ax=None, **kwargs):
        """Plot the map.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Axes in whose place the panels are drawn; None makes a new figure.
        **kwargs : dict
            Passed on to :meth:`matplotlib.axes.Axes.scatter`.

        Returns
        -------
        display : EmbeddingMapDisplay
            The display itself.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        import matplotlib.pyplot as plt

        positions = np.asarray(self.positions)
        colourings = [(_checked(self.labels, "labels", len(positions)), self.label_name)]
        if self.groups is not None:
            colourings.append((_checked(self.groups, "groups", len(positions)), self.group_name))
        n_panels = len(colourings)
        self.figure_, grid = panels(plt, ax, 1, n_panels, figsize=(0.4 + 5.2 * n_panels, 4.4))
        self.axes_, self.scatters_, self.colorbar_ = [], [], None
        # Drawn in an order that favours no class, the same each time.
        order = np.random.default_rng(0).permutation(len(positions))
        for i, (values, name) in enumerate(colourings):
            panel = self.figure_.add_subplot(grid[i])
            if i == 0 and _is_continuous(values):
                self.scatters_.append([self._draw_numbers(panel, values, order, name, **kwargs)])
            else:
                self.scatters_.append(
                    _draw_classes(panel, positions, values, order, name, **kwargs)
                )
            title = f"by {name.split(' (')[0]}"
            n_values = len(np.unique(values))
            if n_values > _MOST_IN_LEGEND and not (i == 0 and self.colorbar_):
                title += f" ({n_values}, colours repeat)"
            self._label(panel, title)
            self.axes_.append(panel)
        self.ax_ = self.axes_[0]
        return self

    def _draw_numbers(self, ax, values, order, name, **kwargs):
        settings = _scatter_settings(len(order)) | {"cmap": COLOUR_MAP}
        points = ax.scatter(
            *np.asarray(self.positions)[order].T, c=values[order], **(settings | kwargs)
        )
        self.colorbar_ = self.figure_.colorbar(points, ax=ax, label=name)
        # The points are see-through, the bar should not be.
        self.colorbar_.solids.set_alpha(1)
        return points

    def _label(self, ax, title: str) -> None:
        ax.set_title(title)
        ax.set_xlabel(self.axis_names[0])
        ax.set_ylabel(self.axis_names[1])
        # Embeddings have no unit: only how near points lie to each other has a meaning.
        ax.set(xticks=[], yticks=[])
        ax.set_aspect("equal", adjustable="datalim")


def _checked(values, name: str, n: int) -> np.ndarray:
    values = column_or_1d(np.asarray(values))
    if len(values) != n:
        raise ValueError(f"{name} has {len(values)} entries, but there are {n} embeddings.")
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise ValueError(f"{name} contains NaN or infinity: leave such segments out.")
    return values


def _is_continuous(values: np.ndarray) -> bool:
    return values.dtype.kind == "f" and len(np.unique(values)) > len(PALETTE)


def _scatter_settings(n_points: int) -> dict:
    """Return sizes for as many points: large while there is room."""
    size = float(np.clip(16_000 / n_points, 4, 36))
    return {"s": size, "alpha": 0.8, "linewidths": 0.15, "edgecolors": "#333333"}


def _draw_classes(ax, positions, values, order, name: str, **kwargs) -> list:
    """Draw points with a colour for each class, and a marker for each round of the palette."""
    classes, codes = np.unique(values, return_inverse=True)
    colours = np.array([PALETTE[code % len(PALETTE)] for code in range(len(classes))])
    rounds = codes // len(PALETTE) % len(_MARKERS)
    settings = _scatter_settings(len(order)) | kwargs
    points = []
    for i in np.unique(rounds):
        rows = order[rounds[order] == i]
        marked = {"c": colours[codes[rows]], "marker": _MARKERS[i]} | settings
        points.append(ax.scatter(*positions[rows].T, **marked))
    if len(classes) > _MOST_IN_LEGEND:
        return points
    handles = [_handle(colours[i], _MARKERS[i // len(PALETTE)]) for i in range(len(classes))]
    ax.legend(
        handles,
        [str(c) for c in classes],
        title=name,
        frameon=False,
        loc="center left",
        bbox_to_anchor=(1, 0.5),
        ncols=1 if len(classes) <= 14 else 2,
    )
    return points


def _handle(colour: str, marker: str):
    from matplotlib.lines import Line2D

    return Line2D([], [], color=colour, marker=marker, linestyle="none", markersize=6)


def _axis_names(transformer) -> tuple[str, str]:
    ratios = getattr(transformer, "explained_variance_ratio_", None)
    if ratios is not None and len(ratios) == 2:
        one, two = (f"component {i} ({100 * r:.0f} % of variance)" for i, r in enumerate(ratios, 1))
        return one, two
    name = type(transformer).__name__.replace("TSNE", "t-SNE")
    return f"{name} 1", f"{name} 2"
