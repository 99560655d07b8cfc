"""ModelComparisonDisplay, which compares the scores of models for each class."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import f1_score, precision_score, recall_score
from sklearn.utils._optional_dependencies import check_matplotlib_support

from .._utils._arrays import as_labels
from ._keywords import line_keywords
from ._legends import axes_width, legend_columns, legend_height, place_below, text_width, wrap
from ._style import GREY, MINUS, colour, given_or_new_axes, hide_spines

_METRICS = {
    "f1": ("F1 score", f1_score),
    "recall": ("recall", recall_score),
    "precision": ("precision", precision_score),
}

# Minimum width of the scores, and width of the gains beside them, in inches.
_MIN_WIDTH = 4.6
_GAINS_WIDTH = 0.8
# Right end of the gains, in points from the right end of the axes.
_GAINS_END = 46


class ModelComparisonDisplay:
    """Comparison of the scores of two or more models for each class.

    Each class is a row, with one dot per model and a line between the dots. The last row is the
    unweighted mean over classes. With two models, rows are sorted by the gain of the second over
    the first, which is on the right.

    It is recommended to use :meth:`from_predictions` or :meth:`from_estimators`. All parameters are
    stored as attributes.

    Parameters
    ----------
    scores : dict of str to array-like of shape (n_classes,)
        Scores of the classes, with names of models as keys.
    classes : array-like of shape (n_classes,)
        Classes.
    supports : array-like of int of shape (n_classes,) or None, default=None
        Number of segments of each class, which is beside its name. If None, it is not shown.
    metric_name : str, default="score"
        Name of the scores.

    Attributes
    ----------
    order_ : ndarray of int of shape (n_classes,)
        Indices of `classes` in the order of the rows, from top to bottom.
    ax_ : matplotlib Axes
        Axes of the plot.
    figure_ : matplotlib Figure
        Figure that holds them.
    dots_ : dict of str to matplotlib Line2D
        Dots of each model, for the classes from top to bottom and then for the mean.
    spans_ : matplotlib LineCollection
        Lines from the lowest to the highest score of each row.
    texts_ : list of matplotlib Text
        Gains with two models, or an empty list otherwise.

    Examples
    --------
    >>> from relcon_sklearn.plotting import ModelComparisonDisplay
    >>> y = ["sit", "sit", "walk", "walk"]
    >>> display = ModelComparisonDisplay.from_predictions(
    ...     y,
    ...     {"features": ["sit", "walk", "walk", "sit"], "RelCon": ["sit", "sit", "walk", "sit"]},
    ...     metric="recall",
    ... )
    >>> [label.get_text() for label in display.ax_.get_yticklabels()]
    ['sit (n=2)', 'walk (n=2)', 'mean']
    """

    def __init__(self, *, scores, classes, supports=None, metric_name="score"):
        self.scores = scores
        self.classes = classes
        self.supports = supports
        self.metric_name = metric_name

    @classmethod
    def from_estimators(cls, estimators, X, y, *, metric="f1", ax=None, **kwargs):
        """Predict with classifiers and plot their scores for each class.

        Parameters
        ----------
        estimators : dict of str to classifier
            Fitted classifiers, with their names as keys. The subjects in `X` should not be in the
            training data of any of them.
        X : array-like of shape (n_segments, n_timesteps, n_channels)
            Segments.
        y : array-like of shape (n_segments,)
            True classes of the segments.
        metric : {"f1", "recall", "precision"}, default="f1"
            Score to draw. A class that a model never predicts has a precision of 0.
        ax : matplotlib Axes or None, default=None
            Axes to draw on. Their figure should have ``layout="constrained"``. If None, create a
            new figure.
        **kwargs : dict
            Keyword arguments of :meth:`matplotlib.axes.Axes.plot` for the dots, except ``label``.

        Returns
        -------
        display : ModelComparisonDisplay
            The display that was drawn.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimators")
        _check_models(estimators, "estimators")
        predictions = {name: estimator.predict(X) for name, estimator in estimators.items()}
        return cls.from_predictions(y, predictions, metric=metric, ax=ax, **kwargs)

    @classmethod
    def from_predictions(cls, y_true, predictions, *, metric="f1", ax=None, **kwargs):
        """Plot the scores of predictions for each class.

        Parameters
        ----------
        y_true : array-like of shape (n_segments,)
            True classes of the segments.
        predictions : dict of str to array-like of shape (n_segments,)
            Predictions with names of models as keys, for example the output of
            :func:`sklearn.model_selection.cross_val_predict`.
        metric : {"f1", "recall", "precision"}, default="f1"
            Score to draw. A class that a model never predicts has a precision of 0.
        ax : matplotlib Axes or None, default=None
            Axes to draw on. Their figure should have ``layout="constrained"``. If None, create a
            new figure.
        **kwargs : dict
            Keyword arguments of :meth:`matplotlib.axes.Axes.plot` for the dots, except ``label``.

        Returns
        -------
        display : ModelComparisonDisplay
            The display that was drawn.

        Raises
        ------
        ValueError
            If the lengths of predictions and `y_true` differ, if labels are missing, if there are
            fewer than two models, or if `metric` is unknown.
        """
        check_matplotlib_support(f"{cls.__name__}.from_predictions")
        if metric not in _METRICS:
            raise ValueError(f"metric={metric!r}; expected one of {sorted(_METRICS)}.")
        _check_models(predictions, "predictions")
        y_true = as_labels(y_true, "y_true")
        classes, supports = np.unique(y_true, return_counts=True)
        name, function = _METRICS[metric]
        scores = {}
        for model, y_pred in predictions.items():
            y_pred = as_labels(y_pred, f"predictions[{model!r}]")
            if len(y_pred) != len(y_true):
                raise ValueError(
                    f"predictions[{model!r}] has {len(y_pred)} entries, but y_true has "
                    f"{len(y_true)}."
                )
            scores[model] = function(y_true, y_pred, labels=classes, average=None, zero_division=0)
        display = cls(scores=scores, classes=classes, supports=supports, metric_name=name)
        return display.plot(ax=ax, **kwargs)

    def plot(self, ax=None, **kwargs):
        """Plot the comparison.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Axes to draw on. Their figure should have ``layout="constrained"``. If None, create a
            new figure.
        **kwargs : dict
            Keyword arguments of :meth:`matplotlib.axes.Axes.plot` for the dots, except ``label``.

        Returns
        -------
        display : ModelComparisonDisplay
            The display itself.

        Raises
        ------
        ValueError
            If scores are not finite, or if their number differs from the number of classes.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        import matplotlib.pyplot as plt

        kwargs = line_keywords(kwargs, refused=["label"])
        _check_models(self.scores, "scores")
        scores = np.array([np.asarray(values, dtype=float) for values in self.scores.values()])
        if scores.shape[1:] != np.shape(self.classes):
            raise ValueError(
                f"scores have shape {scores.shape[1:]} for each model; expected one score for each "
                f"of the {len(self.classes)} classes."
            )
        _check_finite(scores, list(self.scores), self.classes)
        self.order_ = _order(scores)
        rows = np.column_stack([scores[:, self.order_], scores.mean(axis=1)])
        # The row of the mean is separated from the rows of the classes.
        y = np.append(np.arange(len(self.order_)), len(self.order_) + 0.3)
        names = self._class_names()
        width = max(6.5, _MIN_WIDTH + text_width(names) + _GAINS_WIDTH)
        models = [wrap(name, 40) for name in self.scores]
        room = width - text_width(names) - 0.2 if ax is None else axes_width(ax)
        ncols = legend_columns(models, room)
        height = 1 + 0.38 * len(y) + legend_height(models, ncols)
        self.ax_ = given_or_new_axes(plt, ax, figsize=(width, height), needs_layout=True)
        self.figure_ = self.ax_.figure
        self.spans_ = self.ax_.hlines(
            y, rows.min(axis=0), rows.max(axis=0), color=GREY, linewidth=2.5, alpha=0.5, zorder=1
        )
        self.dots_ = {}
        for i, (name, values) in enumerate(zip(self.scores, rows, strict=True)):
            settings = {"color": colour(i), "marker": "osD^v*Ph"[i % 8], "markersize": 8}
            settings |= {"linestyle": "none", "label": name, "zorder": 2}
            (self.dots_[name],) = self.ax_.plot(values, y, **(settings | kwargs))
        self._label(y, names)
        self.ax_.legend(
            list(self.dots_.values()), models, ncols=ncols, frameon=False, **place_below(self.ax_)
        )
        self.texts_ = self._write_gains(rows[1] - rows[0], y) if len(rows) == 2 else []
        return self

    def _class_names(self) -> list[str]:
        """Return the names of the rows, with the numbers of segments if they are known."""
        names = [wrap(self.classes[i], 50) for i in self.order_]
        if self.supports is None:
            return names
        return [
            f"{name} (n={self.supports[i]})" for name, i in zip(names, self.order_, strict=True)
        ]

    def _label(self, y, names) -> None:
        """Add the labels of the rows and axes."""
        ax = self.ax_
        ax.set_yticks(y, [*names, "mean"])
        ax.get_yticklabels()[-1].set_fontweight("bold")
        ax.axhline(y[-1] - 0.65, color=GREY, linewidth=0.8)
        ax.set_ylim(y[-1] + 0.6, -0.6)
        ax.set_xlabel(self.metric_name)
        ax.grid(axis="x", color=GREY, alpha=0.25, linewidth=0.6)
        ax.set_axisbelow(True)
        ax.tick_params(axis="y", length=0)
        hide_spines(ax)

    def _write_gains(self, gains, y) -> list:
        """Write the gain of each row on its right, and return the texts."""
        largest = max(np.abs(dots.get_xdata()).max() for dots in self.dots_.values())
        texts = [_signed(gain, _decimals(largest)) for gain in gains]
        # The distance is in points, so that the texts do not cover dots in axes of any width.
        place = {"xycoords": self.ax_.get_yaxis_transform(), "xytext": (_GAINS_END, 0)}
        place |= {"textcoords": "offset points", "ha": "right", "va": "center"}
        self.ax_.annotate("gain", (1, y[0] - 0.9), **place)
        weights = ["normal"] * len(self.order_) + ["bold"]
        return [
            self.ax_.annotate(text, (1, height), fontweight=weight, **place)
            for height, text, weight in zip(y, texts, weights, strict=True)
        ]


def _check_models(models, name: str) -> None:
    """Raise ValueError unless there are at least two models in a dict."""
    if not hasattr(models, "items") or len(models) < 2:
        raise ValueError(
            f"{name} must be a dict of at least two models, with their names as keys; "
            f"got {type(models).__name__}"
            + (f" of {len(models)}." if hasattr(models, "__len__") else ".")
        )


def _check_finite(scores: np.ndarray, models: list, classes) -> None:
    """Raise ValueError if a score is NaN or infinite."""
    for model, values in zip(models, scores, strict=True):
        for i in np.flatnonzero(~np.isfinite(values)):
            raise ValueError(
                f"scores[{model!r}] is {values[i]} for class {classes[i]!s}. Remove classes "
                "without a score for each model."
            )


def _decimals(largest: float) -> int:
    """Return the number of decimals of gains: two for scores up to 10, one for percentages."""
    if largest == 0:
        return 2
    magnitude = int(np.ceil(np.log10(largest)))
    return 2 - magnitude if largest < 0.1 else max(0, min(2, 3 - magnitude))


def _signed(gain: float, decimals: int) -> str:
    """Return a gain as text with its sign, or without a sign if it rounds to zero."""
    text = f"{gain:+.{decimals}f}"
    return text.replace("-", MINUS) if float(text) else text[1:]


def _order(scores: np.ndarray) -> np.ndarray:
    """Return the order of classes, by decreasing gain of two models or decreasing mean score."""
    key = scores[1] - scores[0] if len(scores) == 2 else scores.mean(axis=0)
    return np.argsort(-key, kind="stable")
