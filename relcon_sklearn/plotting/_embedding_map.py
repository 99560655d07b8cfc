"""EmbeddingMapDisplay, which shows embeddings in two dimensions, coloured by their labels."""

from __future__ import annotations

import numpy as np
from sklearn.decomposition import PCA
from sklearn.utils import check_array
from sklearn.utils._optional_dependencies import check_matplotlib_support

from .._utils._arrays import missing
from ._embedding_legend import (
    MAX_IN_LEGEND,
    PANEL_WIDTH,
    class_marker,
    draw_legend,
    extra_room,
    is_continuous,
)
from ._keywords import is_filled, scatter_keywords
from ._style import COLOUR_MAP, PALETTE, colour, panels

# Keyword arguments of scatter that apply only to continuous labels.
_CONTINUOUS_KEYWORDS = ("cmap", "norm", "vmin", "vmax", "plotnonfinite", "colorizer")


class EmbeddingMapDisplay:
    """Two-dimensional map of embeddings, coloured by class, by group or by a number.

    Points that are near each other have similar embeddings. One panel coloured by activity and one
    by subject show which of the two determines the embeddings more.

    It is recommended to use :meth:`from_embeddings` or :meth:`from_estimator`. All parameters are
    stored as attributes.

    Parameters
    ----------
    positions : ndarray of shape (n_segments, 2)
        Position of each embedding on the map.
    labels : array-like of shape (n_segments,)
        Names or numbers that set the colours of the first panel. Floating-point numbers with more
        than 8 distinct values and integers with more than 24 get a colour bar. All other labels get
        a legend. Codes of more than 24 classes must be strings, so that they count as names.
    groups : array-like of shape (n_segments,) or None, default=None
        Names that set the colours of a second panel. Numbers count as names too. If None, there is
        one panel.
    label_name : str, default="class"
        Name of the labels, with their unit if they have one, for example "activity" or
        "speed (m/s)".
    group_name : str, default="subject"
        Name of the groups.
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
    scatters_ : list of matplotlib PathCollection
        Points of each panel.
    colorbar_ : matplotlib Colorbar or None
        Colour bar, or None if the labels have a legend.

    See Also
    --------
    RelativeSimilarityDisplay : Similarity against distance, for one anchor.

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
            Fitted embedder, for example a :class:`relcon_sklearn.RelConEmbedder` or a pipeline of
            transformers.
        X : array-like of shape (n_segments, n_timesteps, n_channels)
            Segments.
        labels : array-like of shape (n_segments,)
            Names or numbers that set the colour of each point. Floating-point numbers with more
            than 8 distinct values and integers with more than 24 get a colour bar.
        groups : array-like of shape (n_segments,) or None, default=None
            The subject each segment belongs to, which sets the colours of a second panel. If None,
            there is one panel.
        transformer : estimator with ``fit_transform`` or None, default=None
            Transformer to two dimensions, for example :class:`sklearn.manifold.TSNE`. If None, use
            the first two principal components.
        label_name : str, default="class"
            Name of the labels, with their unit if they have one.
        group_name : str, default="subject"
            Name of the groups.
        ax : matplotlib Axes or None, default=None
            Empty axes that the panels replace. Their figure should have ``layout="constrained"``.
            If None, create a new figure.
        **kwargs : dict
            Keyword arguments of :meth:`matplotlib.axes.Axes.scatter`, except colours.

        Returns
        -------
        display : EmbeddingMapDisplay
            The display that was drawn.
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
            Names or numbers that set the colour of each point. Floating-point numbers with more
            than 8 distinct values and integers with more than 24 get a colour bar.
        groups : array-like of shape (n_segments,) or None, default=None
            The subject each segment belongs to, which sets the colours of a second panel. If None,
            there is one panel.
        transformer : estimator with ``fit_transform`` or None, default=None
            Transformer to two dimensions, for example :class:`sklearn.manifold.TSNE`. If None, use
            the first two principal components.
        label_name : str, default="class"
            Name of the labels, with their unit if they have one.
        group_name : str, default="subject"
            Name of the groups.
        ax : matplotlib Axes or None, default=None
            Empty axes that the panels replace. Their figure should have ``layout="constrained"``.
            If None, create a new figure.
        **kwargs : dict
            Keyword arguments of :meth:`matplotlib.axes.Axes.scatter`, except colours.

        Returns
        -------
        display : EmbeddingMapDisplay
            The display that was drawn.

        Raises
        ------
        ValueError
            If the number of labels or groups differs from the number of embeddings, if labels or
            groups are missing, if embeddings are not finite, or if the output of `transformer` does
            not have two dimensions.
        """
        check_matplotlib_support(f"{cls.__name__}.from_embeddings")
        Z = check_array(Z, input_name="Z", ensure_min_samples=2)
        # Checked first, because computing the map may take long.
        _check_labels(labels, "labels", len(Z))
        if groups is not None:
            _check_labels(groups, "groups", len(Z))
        if transformer is None:
            transformer = PCA(n_components=min(2, Z.shape[1]), random_state=0)
        positions = np.asarray(transformer.fit_transform(Z))
        if positions.shape != (len(Z), 2):
            raise ValueError(
                f"The map of Z has shape {positions.shape}; expected ({len(Z)}, 2). Pass "
                "embeddings with at least two features, and a transformer with n_components=2."
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
            Empty axes that the panels replace. Their figure should have ``layout="constrained"``.
            If None, create a new figure.
        **kwargs : dict
            Keyword arguments of :meth:`matplotlib.axes.Axes.scatter`, except colours.

        Returns
        -------
        display : EmbeddingMapDisplay
            The display itself.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        import matplotlib.pyplot as plt

        kwargs = scatter_keywords(kwargs)
        positions = np.asarray(self.positions)
        colourings = [(_check_labels(self.labels, "labels", len(positions)), self.label_name)]
        if self.groups is not None:
            colourings.append(
                (_check_labels(self.groups, "groups", len(positions)), self.group_name)
            )
        n_panels = len(colourings)
        extra_width, extra_height = extra_room(colourings)
        size = (0.4 + (PANEL_WIDTH + extra_width) * n_panels, 4.4 + extra_height)
        self.figure_, grid = panels(plt, ax, 1, n_panels, figsize=size)
        self.axes_, self.scatters_, self.colorbar_ = [], [], None
        # Drawn in a fixed random order, so that no class covers the others.
        order = np.random.default_rng(0).permutation(len(positions))
        for i, (values, name) in enumerate(colourings):
            panel = self.figure_.add_subplot(grid[i])
            title = f"by {name.split(' (')[0]}"
            if i == 0 and is_continuous(values):
                drawn = self._draw_numbers(panel, values, order, name, **kwargs)
            else:
                if self.colorbar_:
                    kwargs = {k: v for k, v in kwargs.items() if k not in _CONTINUOUS_KEYWORDS}
                drawn = _draw_classes(panel, positions, values, order, **kwargs)
                title += _repeat_note(values, kwargs)
            self.scatters_.append(drawn)
            self._label(panel, title)
            if not (i == 0 and self.colorbar_):
                draw_legend(panel, values, name, kwargs.get("marker"), own_figure=ax is None)
            self.axes_.append(panel)
        self.ax_ = self.axes_[0]
        return self

    def _draw_numbers(self, ax, values, order, name, **kwargs):
        """Draw points that are coloured by a number, with a colour bar, and return them."""
        settings = _scatter_settings(len(order), kwargs.get("marker", "o")) | {"cmap": COLOUR_MAP}
        points = ax.scatter(
            *np.asarray(self.positions)[order].T, c=values[order], **(settings | kwargs)
        )
        self.colorbar_ = self.figure_.colorbar(points, ax=ax, label=name)
        # The points are transparent, but the bar should be opaque.
        self.colorbar_.solids.set_alpha(1)
        return points

    def _label(self, ax, title: str) -> None:
        """Add the title and the labels of the axes."""
        ax.set_title(title)
        ax.set_xlabel(self.axis_names[0])
        ax.set_ylabel(self.axis_names[1])
        # No ticks: embeddings have no unit, and only the distances between points are meaningful.
        ax.set(xticks=[], yticks=[])
        ax.set_aspect("equal", adjustable="datalim")


def _check_labels(values, name: str, n: int) -> np.ndarray:
    """Return labels or groups as an array, after checking that each embedding has one."""
    if values is None:
        raise ValueError(f"{name} is None; expected one entry for each of the {n} embeddings.")
    values = np.asarray(values)
    if values.shape[1:] == (1,):
        values = values[:, 0]
    if values.ndim != 1:
        raise ValueError(f"{name} has shape {values.shape}; expected a 1d array, ({n},).")
    if len(values) != n:
        raise ValueError(f"{name} has {len(values)} entries, but there are {n} embeddings.")
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise ValueError(f"{name} contains NaN or infinity. Remove these segments.")
    if values.dtype.kind == "O":
        _check_objects(values, name)
    return values


def _check_objects(values: np.ndarray, name: str) -> None:
    """Raise ValueError if values are missing, or have several types that cannot be sorted."""
    n_missing = np.count_nonzero(missing(values))
    if n_missing:
        raise ValueError(
            f"{name} contains {n_missing} missing values (None or NaN). Remove these segments or "
            "give them a name."
        )
    kinds = {type(value).__name__ for value in values}
    if str in map(type, values) and len(kinds) > 1:
        raise ValueError(f"{name} contains values of types {sorted(kinds)}; expected one type.")


def _scatter_settings(n_points: int, marker) -> dict:
    """Return keyword arguments of scatter. Points are smaller if there are more of them."""
    size = float(np.clip(16_000 / n_points, 4, 36))
    settings = {"s": size, "alpha": 0.8, "marker": marker}
    # A cross has no face, and its lines have the colour of its label.
    edge = {"linewidths": 0.15, "edgecolors": "#333333"} if is_filled(marker) else {"linewidths": 1}
    return settings | edge


def _draw_classes(ax, positions, values, order, **kwargs):
    """Draw the points of each class in its colour and with its marker, and return them."""
    from matplotlib.markers import MarkerStyle

    classes, codes = np.unique(values, return_inverse=True)
    codes = codes[order]
    colours = np.array([colour(i) for i in range(len(classes))])
    settings = _scatter_settings(len(order), kwargs.get("marker", "o")) | kwargs
    points = ax.scatter(*positions[order].T, c=colours[codes], **settings)
    if "marker" not in kwargs:
        # One collection of all classes: with one for each marker, the last would cover the others.
        styles = [MarkerStyle(class_marker(i)) for i in range(len(classes))]
        paths = [style.get_path().transformed(style.get_transform()) for style in styles]
        points.set_paths([paths[i] for i in codes])
    return points


def _repeat_note(values, kwargs) -> str:
    """Return a note for the title if several classes look the same, else an empty text."""
    n_classes = len(np.unique(values))
    n_distinct = len(PALETTE) if "marker" in kwargs else MAX_IN_LEGEND
    return f" ({n_classes}, colours repeat)" if n_classes > n_distinct else ""


def _axis_names(transformer) -> tuple[str, str]:
    """Return the names of the axes, with the explained variance if it is known."""
    ratios = getattr(transformer, "explained_variance_ratio_", None)
    if ratios is not None and len(ratios) == 2:
        one, two = (f"component {i} ({100 * r:.0f} % of variance)" for i, r in enumerate(ratios, 1))
        return one, two
    name = type(transformer).__name__.replace("TSNE", "t-SNE")
    return f"{name} 1", f"{name} 2"
