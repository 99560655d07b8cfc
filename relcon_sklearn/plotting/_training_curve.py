"""TrainingCurveDisplay, which shows the losses of a training for each epoch."""

from __future__ import annotations

import math
from itertools import takewhile

from sklearn.utils._optional_dependencies import check_matplotlib_support

from .._classifier import RelConClassifier
from .._embedder import RelConEmbedder
from .._motif_distance import LearnedMotifDistance
from .._regressor import RelConRegressor
from .._utils._frozen import unwrap
from ._keywords import line_keywords
from ._style import GREY, colour, hide_spines, panels, text_colour

_LOSSES = {
    LearnedMotifDistance: "mean distance from augmented copies",
    RelConEmbedder: "mean loss of an anchor",
    RelConClassifier: "mean cross-entropy",
    RelConRegressor: "mean squared error of scaled targets",
}

# With more epochs, markers would overlap.
_MAX_MARKERS = 30


class TrainingCurveDisplay:
    """Display of training and validation losses, with the epoch whose weights were kept.

    It is recommended to use :meth:`from_estimator`. All parameters are stored as attributes.

    Parameters
    ----------
    histories : dict of str to list of dict
        Trainings to draw, with titles as keys, each in a separate panel. Records have the same keys
        as in ``history_``: ``epoch``, ``train_loss`` and, with validation, ``valid_loss``. Some
        records may lack ``valid_loss``, for example if the histories of two trainings are joined.
    loss_names : dict of str to str or None, default=None
        Labels of the y axes, with the same titles as keys. If None or if a title is missing, the
        label is "loss".

    Attributes
    ----------
    best_epochs_ : dict of str to int
        Epoch that is marked in each panel, whose weights were kept. It is the epoch with the lowest
        validation loss or, without validation, the last epoch. If some records lack a validation
        loss, it is that of the last training: the records at the end that all have one or all lack
        one.
    lines_ : dict of str to dict
        Line of each loss. Keys are titles, and then "train_loss" and "valid_loss".
    ax_ : matplotlib Axes
        Axes of the last panel.
    axes_ : dict of matplotlib Axes
        Axes of all panels, with titles as keys.
    figure_ : matplotlib Figure
        Figure that holds them.

    Examples
    --------
    >>> from relcon_sklearn import LearnedMotifDistance
    >>> from relcon_sklearn.datasets import make_motion
    >>> from relcon_sklearn.plotting import TrainingCurveDisplay
    >>> X, y, subjects, *_ = make_motion(60, n_subjects=10, n_timesteps=64, random_state=0)
    >>> distance = LearnedMotifDistance(embed_dim=8, max_epochs=3, random_state=0)
    >>> display = TrainingCurveDisplay.from_estimator(distance.fit(X, groups=subjects))
    >>> list(display.lines_["motif distance"])
    ['train_loss', 'valid_loss']
    """

    def __init__(self, *, histories, loss_names=None):
        self.histories = histories
        self.loss_names = loss_names

    @classmethod
    def from_estimator(cls, estimator, *, ax=None, **kwargs):
        """Plot the training of an estimator.

        Parameters
        ----------
        estimator : estimator with ``history_``
            Fitted estimator. For a :class:`relcon_sklearn.RelConEmbedder` with a learned distance,
            the training of the distance is drawn too, in a panel on the left.
        ax : matplotlib Axes or None, default=None
            Empty axes that the panels replace. Their figure should have ``layout="constrained"``.
            If None, create a new figure.
        **kwargs : dict
            Keyword arguments of :meth:`matplotlib.axes.Axes.plot` for the lines of the losses,
            except ``label``.

        Returns
        -------
        display : TrainingCurveDisplay
            The display that was drawn.

        Raises
        ------
        TypeError
            If the estimator has no history.
        ValueError
            If the history is empty because of ``max_epochs=0``.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        estimator = unwrap(estimator)
        stages = [(_title(estimator), estimator)]
        distance = unwrap(getattr(estimator, "distance_", None))
        if getattr(distance, "history_", None):
            stages.insert(0, (_title(distance), distance))
        for title, stage in stages:
            if not hasattr(stage, "history_"):
                raise TypeError(
                    f"estimator={stage!r} has no history_; expected a fitted estimator of "
                    f"relcon_sklearn ({title})."
                )
        display = cls(
            histories={title: stage.history_ for title, stage in stages},
            loss_names={title: _LOSSES.get(type(stage), "mean loss") for title, stage in stages},
        )
        return display.plot(ax=ax, **kwargs)

    @classmethod
    def from_history(cls, history, *, title="training", loss_name="loss", ax=None, **kwargs):
        """Plot the losses of a history.

        Parameters
        ----------
        history : list of dict
            One record per epoch, with ``epoch``, ``train_loss`` and optionally ``valid_loss``.
        title : str, default="training"
            Title of the panel.
        loss_name : str, default="loss"
            Label of the y axis, for example "mean squared error".
        ax : matplotlib Axes or None, default=None
            Empty axes that the panels replace. Their figure should have ``layout="constrained"``.
            If None, create a new figure.
        **kwargs : dict
            Keyword arguments of :meth:`matplotlib.axes.Axes.plot` for the lines of the losses,
            except ``label``.

        Returns
        -------
        display : TrainingCurveDisplay
            The display that was drawn.
        """
        check_matplotlib_support(f"{cls.__name__}.from_history")
        display = cls(histories={title: history}, loss_names={title: loss_name})
        return display.plot(ax=ax, **kwargs)

    def plot(self, ax=None, **kwargs):
        """Plot the losses.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Empty axes that the panels replace. Their figure should have ``layout="constrained"``.
            If None, create a new figure.
        **kwargs : dict
            Keyword arguments of :meth:`matplotlib.axes.Axes.plot` for the lines of the losses,
            except ``label``.

        Returns
        -------
        display : TrainingCurveDisplay
            The display itself.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        import matplotlib.pyplot as plt

        kwargs = line_keywords(kwargs, refused=["label"])
        for title, history in self.histories.items():
            _check_history(history, title)
        n_panels = len(self.histories)
        self.figure_, grid = panels(
            plt, ax, 1, n_panels, figsize=(0.8 + 4.2 * n_panels, 3.8), wspace=0.1
        )
        self.axes_, self.lines_, self.best_epochs_ = {}, {}, {}
        for i, (title, history) in enumerate(self.histories.items()):
            self.ax_ = self.axes_[title] = self.figure_.add_subplot(grid[i])
            self.ax_.set_title(title)
            self.ax_.set_ylabel((self.loss_names or {}).get(title, "loss"))
            self._draw(self.ax_, title, history, **kwargs)
        return self

    def _draw(self, ax, title: str, history: list[dict], **kwargs) -> None:
        """Draw the losses of one training and mark the epoch that was kept."""
        lines = self.lines_[title] = {}
        styles = {"train_loss": ("training", "--"), "valid_loss": ("validation", "-")}
        for i, (key, (label, linestyle)) in enumerate(styles.items()):
            rows = [row for row in history if key in row]
            if rows:
                settings = {
                    "color": colour(i),
                    "label": label,
                    "linestyle": linestyle,
                    "marker": "o" if len(history) <= _MAX_MARKERS else "",
                    "markersize": 4,
                }
                epochs, losses = zip(*((row["epoch"], row[key]) for row in rows), strict=True)
                (lines[key],) = ax.plot(epochs, losses, **(settings | kwargs))
        best = kept_epoch(history)
        self.best_epochs_[title] = best["epoch"]
        ax.axvline(best["epoch"], color=GREY, linewidth=1, linestyle=":", zorder=0)
        ax.plot(
            best["epoch"],
            best.get("valid_loss", best["train_loss"]),
            marker="o",
            markersize=11,
            markerfacecolor="none",
            markeredgecolor=text_colour(),
            linestyle="none",
            label=f"kept: epoch {best['epoch']}",
        )
        ax.set_xlabel("epoch")
        # A training of one epoch has one tick.
        ax.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        ax.legend(frameon=False)
        hide_spines(ax)


def kept_epoch(history: list[dict]) -> dict:
    """Return the record of the epoch that was kept, with the lowest validation loss or the last.

    If trainings with and without validation are joined, it is of the last of them.
    """
    if "valid_loss" not in history[-1]:
        return history[-1]
    last = list(takewhile(lambda row: "valid_loss" in row, reversed(history)))
    return min(reversed(last), key=lambda row: row["valid_loss"])


def _title(estimator) -> str:
    """Return the title of the panel of an estimator."""
    names = {LearnedMotifDistance: "motif distance", RelConEmbedder: "encoder"}
    return names.get(type(estimator), type(estimator).__name__)


def _check_history(history, title: str) -> None:
    """Raise ValueError unless each record of a history has an epoch and finite losses."""
    if not history:
        raise ValueError(
            f"The history of {title} is empty: nothing was trained (max_epochs=0), so there is "
            "nothing to draw."
        )
    for row in history:
        if not {"epoch", "train_loss"} <= row.keys():
            raise ValueError(
                f"The history of {title} needs epoch, train_loss and optionally valid_loss in each "
                f"record. One record has {sorted(row)}."
            )
        if not all(map(math.isfinite, row.values())):
            raise ValueError(f"The history of {title} has a loss that is not finite: {row}.")
