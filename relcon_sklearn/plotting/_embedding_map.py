"""EmbeddingMapDisplay: embeddings in two dimensions, coloured by what is known of them."""

from __future__ import annotations

import numpy as np
from sklearn.decomposition import PCA
from sklearn.utils import check_array
from sklearn.utils._optional_dependencies import check_matplotlib_support

from .._utils._arrays import missing
from ._keywords import is_filled, scatter_keywords
from ._legends import axes_width, below, entry_width, legend_columns, legend_height, wrapped
from ._style import COLOUR_MAP, PALETTE, colour, panels

_MARKERS = "o^sDv*Ph"

# With more classes than this, a legend would be read by nobody.
_MOST_IN_LEGEND = 24

# A legend of longer names stands below the panel: beside it, it would leave no room for the map.
_LONGEST_BESIDE = 20

# Inches that a panel takes with a legend of short names beside it, and those of such a legend.
_PANEL_WIDTH, _LEGEND_WIDTH = 5.2, 1.3

# Keywords of scatter that mean something for numbers only.
_OF_NUMBERS = ("cmap", "norm", "vmin", "vmax", "plotnonfinite", "colorizer")


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
        What the points of the first panel are coloured by. Numbers get a colour bar if they are
        floating-point numbers of more than 8 values or integers of more than 24; all else gets a
        legend. Codes of more than 24 classes have to be strings to be taken as names.
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
            What to colour by: names, or numbers. Floating-point numbers of more than 8 values and
            integers of more than 24 get a colour bar.
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
            Empty axes in whose place the panels are drawn; make their figure with
            ``layout="constrained"``. None makes a new figure.
        **kwargs : dict
            Passed on to :meth:`matplotlib.axes.Axes.scatter`; colours excepted.

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
            What to colour by: names, or numbers. Floating-point numbers of more than 8 values and
            integers of more than 24 get a colour bar.
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
            Empty axes in whose place the panels are drawn; make their figure with
            ``layout="constrained"``. None makes a new figure.
        **kwargs : dict
            Passed on to :meth:`matplotlib.axes.Axes.scatter`; colours excepted.

        Returns
        -------
        display : EmbeddingMapDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If there is not one label for each embedding, if labels are missing or embeddings not
            finite, or if `transformer` does not give two dimensions.
        """
        check_matplotlib_support(f"{cls.__name__}.from_embeddings")
        Z = check_array(Z, input_name="Z", ensure_min_samples=2)
        # Before the map is made, which may take long.
        _checked(labels, "labels", len(Z))
        if groups is not None:
            _checked(groups, "groups", len(Z))
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
            Empty axes in whose place the panels are drawn; make their figure with
            ``layout="constrained"``. None makes a new figure.
        **kwargs : dict
            Passed on to :meth:`matplotlib.axes.Axes.scatter`; colours excepted.

        Returns
        -------
        display : EmbeddingMapDisplay
            The display itself.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        import matplotlib.pyplot as plt

        kwargs = scatter_keywords(kwargs)
        positions = np.asarray(self.positions)
        colourings = [(_checked(self.labels, "labels", len(positions)), self.label_name)]
        if self.groups is not None:
            colourings.append((_checked(self.groups, "groups", len(positions)), self.group_name))
        n_panels = len(colourings)
        extra_width, extra_height = _extra_room(colourings)
        size = (0.4 + (_PANEL_WIDTH + extra_width) * n_panels, 4.4 + extra_height)
        self.figure_, grid = panels(plt, ax, 1, n_panels, figsize=size)
        self.axes_, self.scatters_, self.colorbar_ = [], [], None
        # Drawn in an order that favours no class, the same each time.
        order = np.random.default_rng(0).permutation(len(positions))
        for i, (values, name) in enumerate(colourings):
            panel = self.figure_.add_subplot(grid[i])
            title = f"by {name.split(' (')[0]}"
            if i == 0 and _is_continuous(values):
                drawn = [self._draw_numbers(panel, values, order, name, **kwargs)]
            else:
                if self.colorbar_:
                    kwargs = {k: v for k, v in kwargs.items() if k not in _OF_NUMBERS}
                drawn = _draw_classes(panel, positions, values, order, **kwargs)
                title += _repeats(values, kwargs)
            self.scatters_.append(drawn)
            self._label(panel, title)
            if not (i == 0 and self.colorbar_):
                _draw_legend(panel, values, name, _markers(kwargs), own_figure=ax is None)
            self.axes_.append(panel)
        self.ax_ = self.axes_[0]
        return self

    def _draw_numbers(self, ax, values, order, name, **kwargs):
        settings = _scatter_settings(len(order), kwargs.get("marker", "o")) | {"cmap": COLOUR_MAP}
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
    """Return labels or groups, one for each embedding and none missing."""
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
        raise ValueError(f"{name} contains NaN or infinity: leave such segments out.")
    if values.dtype.kind == "O":
        _check_objects(values, name)
    return values


def _check_objects(values: np.ndarray, name: str) -> None:
    """Raise ValueError if some are missing, or they are of kinds that have no order."""
    n_missing = np.count_nonzero(missing(values))
    if n_missing:
        raise ValueError(
            f"{name} contains {n_missing} missing values (None or NaN): leave such segments out, "
            "or name them."
        )
    kinds = {type(value).__name__ for value in values}
    if str in map(type, values) and len(kinds) > 1:
        raise ValueError(f"{name} contains values of types {sorted(kinds)}; expected one type.")


def _is_continuous(values: np.ndarray) -> bool:
    most_classes = {"f": len(PALETTE), "i": _MOST_IN_LEGEND, "u": _MOST_IN_LEGEND}
    kind = values.dtype.kind
    return kind in most_classes and len(np.unique(values)) > most_classes[kind]


def _scatter_settings(n_points: int, marker) -> dict:
    """Return sizes for as many points: large while there is room."""
    size = float(np.clip(16_000 / n_points, 4, 36))
    settings = {"s": size, "alpha": 0.8, "marker": marker}
    # A cross has no face, and is drawn in the colour of its label.
    edge = {"linewidths": 0.15, "edgecolors": "#333333"} if is_filled(marker) else {"linewidths": 1}
    return settings | edge


def _draw_classes(ax, positions, values, order, **kwargs) -> list:
    """Draw points with a colour for each class, and a marker for each round of the palette."""
    classes, codes = np.unique(values, return_inverse=True)
    colours = np.array([colour(code) for code in range(len(classes))])
    markers = _markers(kwargs)
    rounds = codes // len(PALETTE) % len(markers)
    points = []
    for i in np.unique(rounds):
        rows = order[rounds[order] == i]
        settings = _scatter_settings(len(order), markers[i]) | kwargs
        points.append(ax.scatter(*positions[rows].T, c=colours[codes[rows]], **settings))
    return points


def _markers(kwargs) -> list:
    """Return the markers of the rounds of the palette: the one that was asked for, or several."""
    return [kwargs["marker"]] if "marker" in kwargs else list(_MARKERS)


def _repeats(values, kwargs) -> str:
    """Return what to say where colours do not tell all classes apart."""
    n_classes = len(np.unique(values))
    told_apart = len(PALETTE) if "marker" in kwargs else _MOST_IN_LEGEND
    return f" ({n_classes}, colours repeat)" if n_classes > told_apart else ""


def _legend_names(values) -> list[str]:
    """Return the classes that a legend names, in lines; none if there are too many."""
    classes = np.unique(values)
    return [] if len(classes) > _MOST_IN_LEGEND else [wrapped(c, 48) for c in classes]


def _columns_beside(n_classes: int) -> int:
    return 1 if n_classes <= 14 else 2


def _is_beside(names: list[str]) -> bool:
    return max(map(len, names)) <= _LONGEST_BESIDE


def _extra_room(colourings) -> tuple[float, float]:
    """Return the inches that legends need in a new figure, for each panel and below them."""
    width = height = 0.0
    for i, (values, _) in enumerate(colourings):
        names = _legend_names(values)
        if not names or (i == 0 and _is_continuous(values)):
            continue
        if _is_beside(names):
            width = max(width, _columns_beside(len(names)) * entry_width(names) - _LEGEND_WIDTH)
        else:
            columns = legend_columns(names, _PANEL_WIDTH)
            height = max(height, 0.3 + legend_height(names, columns))
    return width, height


def _draw_legend(ax, values, name: str, markers, *, own_figure: bool) -> None:
    """Name the classes, beside the panel if that leaves it its width, else below."""
    names = _legend_names(values)
    if not names:
        return
    rounds = [i // len(PALETTE) % len(markers) for i in range(len(names))]
    handles = [_handle(colour(i), markers[k]) for i, k in enumerate(rounds)]
    place = {"loc": "center left", "bbox_to_anchor": (1, 0.5)}
    ncols = _columns_beside(len(names))
    fits = own_figure or ncols * entry_width(names) < axes_width(ax) / 2
    if not (fits and _is_beside(names)):
        place, ncols = below(ax), legend_columns(names, axes_width(ax))
    ax.legend(handles, names, title=name, frameon=False, ncols=ncols, **place)


def _handle(colour: str, marker):
    from matplotlib.lines import Line2D

    return Line2D([], [], color=colour, marker=marker, linestyle="none", markersize=6)


def _axis_names(transformer) -> tuple[str, str]:
    ratios = getattr(transformer, "explained_variance_ratio_", None)
    if ratios is not None and len(ratios) == 2:
        one, two = (f"component {i} ({100 * r:.0f} % of variance)" for i, r in enumerate(ratios, 1))
        return one, two
    name = type(transformer).__name__.replace("TSNE", "t-SNE")
    return f"{name} 1", f"{name} 2"
