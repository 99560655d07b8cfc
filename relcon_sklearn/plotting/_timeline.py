"""TimelineDisplay, which shows days as rows and hours as columns."""

from __future__ import annotations

import numpy as np
from sklearn.utils._optional_dependencies import check_matplotlib_support, check_pandas_support

from ..timelines._columns import check_timeline
from ..timelines._days import check_days
from ._legends import axes_width, legend_columns, legend_height, place_below, wrap
from ._style import COLOUR_MAP, GREY, PALETTE, colour, given_or_new_axes
from ._timeline_minutes import NONWEAR, Minutes, days_of, label_minutes, value_minutes

MAX_LABELS = 2 * len(PALETTE)
_TINT = 0.55  # share of white in the colours of labels from the ninth on
_WIDTH = 9.0  # inches
_LANE_HEIGHT = 0.24  # inches, of a day of one timeline
_MAX_HEIGHT = 9.0  # inches, of all days
_GAP = 0.25  # between days, as a share of their distance
_LANE_GAP = 0.04  # between the timelines of a day
_MOST_NAMED_DAYS = 35
MOST_DAYS = 1000


class TimelineDisplay:
    """Display of timelines: days as rows, hours as columns, labels as colours.

    Each minute has the colour of the label that most of it has, or of the mean of its values. Time
    in which the device was not worn is hatched. Holes are empty. Several timelines, such as the
    truth and a prediction, are above each other within each day.

    It is recommended to use :meth:`from_timeline` or :meth:`from_timelines`. All parameters are
    stored as attributes.

    Parameters
    ----------
    timelines : dict of str to DataFrame
        Timelines of one person, with names as keys, from top to bottom. All have the column
        `label`, or all have `value`.
    tz : str, tzinfo or None, default=None
        Time zone of the days, as in :func:`~relcon_sklearn.timelines.daily_totals`.
    day_starts : str, default="00:00"
        Local time at which a day starts.
    classes : list or None, default=None
        Labels in the order of the legend, which also has their colours. If None, sorted.

    Attributes
    ----------
    days_ : DatetimeIndex of shape (n_days,)
        Start of each row. Where clocks change, a day has 23 or 25 hours, which its name says, and
        columns are hours since the start of the day: after the change, they are an hour off the
        time of day.
    meshes_ : dict of str to matplotlib QuadMesh
        The coloured minutes of each timeline.
    legend_ : matplotlib Legend or None
        The legend, or None for timelines of values, which have a colour bar.
    ax_ : matplotlib Axes
        Axes of the days.
    figure_ : matplotlib Figure
        Figure that holds them.

    See Also
    --------
    relcon_sklearn.timelines.predict_timeline : Predict a timeline.
    relcon_sklearn.timelines.daily_totals : Hours of each label on each day.

    Examples
    --------
    >>> import pandas as pd
    >>> from relcon_sklearn.plotting import TimelineDisplay
    >>> hours = pd.date_range("2024-03-05", periods=49, freq="h", tz="UTC")
    >>> labels = (["lying"] * 8 + ["sitting"] * 14 + ["walking"] * 2) * 2
    >>> timeline = pd.DataFrame({"start": hours[:-1], "end": hours[1:], "label": labels})
    >>> display = TimelineDisplay.from_timeline(timeline)
    >>> [text.get_text() for text in display.legend_.get_texts()]
    ['lying', 'sitting', 'walking']
    """

    def __init__(self, *, timelines, tz=None, day_starts="00:00", classes=None):
        self.timelines = timelines
        self.tz = tz
        self.day_starts = day_starts
        self.classes = classes

    @classmethod
    def from_timeline(cls, timeline, *, tz=None, day_starts="00:00", classes=None, ax=None):
        """Plot a timeline.

        Parameters
        ----------
        timeline : DataFrame
            Timeline of one person, as :func:`~relcon_sklearn.timelines.predict_timeline` returns
            it.
        tz : str, tzinfo or None, default=None
            Time zone of the days. If None, UTC.
        day_starts : str, default="00:00"
            Local time at which a day starts.
        classes : list or None, default=None
            Labels in the order of the legend. If None, sorted.
        ax : matplotlib Axes or None, default=None
            Axes to draw on. Their figure should have ``layout="constrained"``. If None, create a
            new figure.

        Returns
        -------
        display : TimelineDisplay
            The display that was drawn.
        """
        return cls.from_timelines(
            {"": timeline}, tz=tz, day_starts=day_starts, classes=classes, ax=ax
        )

    @classmethod
    def from_timelines(cls, timelines, *, tz=None, day_starts="00:00", classes=None, ax=None):
        """Plot several timelines above each other.

        Parameters
        ----------
        timelines : dict of str to DataFrame
            Timelines of one person, with names as keys, from top to bottom.
        tz : str, tzinfo or None, default=None
            Time zone of the days. If None, UTC.
        day_starts : str, default="00:00"
            Local time at which a day starts.
        classes : list or None, default=None
            Labels in the order of the legend. If None, sorted.
        ax : matplotlib Axes or None, default=None
            Axes to draw on. Their figure should have ``layout="constrained"``. If None, create a
            new figure.

        Returns
        -------
        display : TimelineDisplay
            The display that was drawn.
        """
        check_matplotlib_support(f"{cls.__name__}.from_timelines")
        display = cls(timelines=timelines, tz=tz, day_starts=day_starts, classes=classes)
        return display.plot(ax=ax)

    def plot(self, ax=None):
        """Plot the timelines.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Axes to draw on. Their figure should have ``layout="constrained"``. If None, create a
            new figure.

        Returns
        -------
        display : TimelineDisplay
            The display itself.

        Raises
        ------
        TypeError
            If a timeline is not a DataFrame.
        ValueError
            If a timeline is not valid or has several people, if some have labels and others
            values, if there are too many labels for the colours, or if there are more than 1000
            days.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        check_pandas_support(f"{type(self).__name__}.plot")
        import matplotlib.pyplot as plt

        check_days(self.tz, self.day_starts)
        timelines = _check_timelines(self.timelines)
        edges = days_of(timelines.values(), self.tz, self.day_starts)
        _check_span(edges)
        self.days_ = edges[:-1]
        has_labels = all("label" in timeline.columns for timeline in timelines.values())
        names = _class_names(timelines, self.classes) if has_labels else []
        n_lanes = len(timelines)
        height = min(_LANE_HEIGHT * (n_lanes + _GAP) * len(self.days_), _MAX_HEIGHT)
        height += 1.0 + (legend_height(names, legend_columns(names, _WIDTH)) if names else 0)
        self.ax_ = given_or_new_axes(plt, ax, (_WIDTH, max(height, 2)), needs_layout=True)
        self.figure_ = self.ax_.figure
        if has_labels:
            minutes = {
                name: label_minutes(timeline, edges, names) for name, timeline in timelines.items()
            }
            colours = [_class_colour(i) for i in range(len(names))]
            self._draw(minutes, *_class_scale(colours))
            self._add_legend(names, colours, minutes.values())
        else:
            minutes = {name: value_minutes(timeline, edges) for name, timeline in timelines.items()}
            self._draw(minutes, COLOUR_MAP, _value_scale(minutes.values()))
            mesh = next(iter(self.meshes_.values()))
            self.figure_.colorbar(mesh, ax=self.ax_, label="value", pad=0.02)
            self._add_legend([], [], minutes.values())
        self._label_axes(list(timelines), edges)
        return self

    def _draw(self, minutes: dict[str, Minutes], colour_map, scale) -> None:
        """Draw the minutes of all timelines: a lane of each day for each of them."""
        self.meshes_ = {}
        height = (1 - _GAP) / len(minutes)
        for lane, (name, one) in enumerate(minutes.items()):
            n_days, n_minutes = one.values.shape
            # Rows of minutes alternate with masked rows, which are the space between the lanes.
            rows = np.ma.masked_all((2 * n_days, n_minutes))
            rows[::2] = one.values
            top = np.arange(n_days) - (1 - _GAP) / 2 + lane * height
            stop = top + height - (_LANE_GAP if lane < len(minutes) - 1 else 0)
            y = np.append(np.stack([top, stop], axis=1).ravel(), n_days)
            x = np.arange(n_minutes + 1) / 60
            self.meshes_[name] = self.ax_.pcolormesh(
                *(x, y, rows), cmap=colour_map, norm=scale, rasterized=True
            )
            for day, first, last in one.nonwear_runs():
                self.ax_.fill_between(
                    *([first / 60, last / 60], top[day], stop[day]),
                    **(_NONWEAR_STYLE | {"linewidth": 0}),
                )

    def _add_legend(self, names: list, colours: list[str], minutes) -> None:
        """Draw the legend of labels and non-wear below the axes, if there are any."""
        from matplotlib.patches import Patch

        texts = [wrap(name, 48) for name in names]
        handles = [Patch(facecolor=shade) for shade in colours]
        if any((one.state == NONWEAR).any() for one in minutes):
            texts.append("not worn")
            handles.append(Patch(**_NONWEAR_STYLE))
        self.legend_ = None
        if texts:
            self.legend_ = self.ax_.legend(
                *(handles, texts),
                **(place_below(self.ax_) | {"frameon": False}),
                ncols=legend_columns(texts, axes_width(self.ax_)),
            )

    def _label_axes(self, names: list[str], edges) -> None:
        ax, n_days = self.ax_, len(self.days_)
        longest = max(mesh.get_array().shape[1] for mesh in self.meshes_.values()) / 60
        ax.set(xlim=(0, longest), ylim=(n_days - 0.5, -0.5), xlabel=_hour_label(self.tz))
        hours = np.arange(0, longest + 0.01, 3)
        start = int(self.day_starts[:2]) + int(self.day_starts[3:]) / 60
        clock = (start + hours) % 24
        ax.set_xticks(hours, [f"{int(h):02}:{round(h % 1 * 60):02}" for h in clock])
        every = -(-n_days // _MOST_NAMED_DAYS)
        shown = np.arange(0, n_days, every)
        ax.set_yticks(shown, [_day_label(edges[i], edges[i + 1]) for i in shown])
        ax.tick_params(axis="y", length=0)
        ax.grid(axis="x", color=GREY, alpha=0.4, linewidth=0.6, zorder=0)
        ax.set_axisbelow(True)
        ax.spines[["top", "right", "left"]].set_visible(False)
        if len(names) > 1:
            ax.set_title("from top to bottom: " + ", ".join(names), loc="left", fontsize="medium")


_NONWEAR_STYLE = {"facecolor": "none", "edgecolor": GREY, "hatch": "/////"}


def _check_timelines(timelines) -> dict:
    """Return timelines in the order of time, after a check that they can be drawn together."""
    if len(timelines) == 0:
        raise ValueError("timelines is empty. Pass at least one timeline.")
    checked = {}
    for name, timeline in timelines.items():
        what = f"timelines[{name!r}]" if name else "timeline"
        checked[name] = check_timeline(timeline, what)
        if "subject" in timeline.columns and timeline["subject"].nunique() > 1:
            raise ValueError(
                f"{what} has {timeline['subject'].nunique()} people in the column 'subject'. Pass "
                "the rows of one person."
            )
    kinds = {"label" in timeline.columns for timeline in checked.values()}
    if len(kinds) > 1:
        raise ValueError("timelines have labels and values. Pass timelines of one kind.")
    return checked


def _check_span(edges) -> None:
    """Raise ValueError if there are more days than a figure can show."""
    n_days = len(edges) - 1
    if n_days > MOST_DAYS:
        raise ValueError(
            f"The timelines have {n_days} days, from {edges[0]:%Y-%m-%d} to {edges[-2]:%Y-%m-%d}. "
            f"A figure can show {MOST_DAYS}. If the clock of the device was wrong for some time, "
            "leave that time out."
        )


def _class_names(timelines: dict, classes) -> list:
    """Return the labels of all timelines in the order of the legend."""
    known = {name for timeline in timelines.values() for name in timeline["label"].cat.categories}
    names = sorted(known, key=lambda name: (str(type(name)), name))
    if classes is not None:
        names = list(classes)
        left = [name for name in known if name not in names]
        if left:
            raise ValueError(f"classes lacks the labels {sorted(map(str, left))}.")
    if len(names) > MAX_LABELS:
        raise ValueError(
            f"There are {len(names)} labels, more than colours that can be told apart "
            f"({MAX_LABELS}). Merge labels."
        )
    return names


def _class_colour(i: int) -> str:
    """Return the colour of a label; those after the eighth are lighter."""
    from matplotlib.colors import to_hex, to_rgb

    shade = np.array(to_rgb(colour(i)))
    return to_hex(shade if i < len(PALETTE) else shade + _TINT * (1 - shade))


def _class_scale(colours: list[str]):
    """Return the colour map and the norm for the codes of labels."""
    from matplotlib.colors import BoundaryNorm, ListedColormap

    n = max(len(colours), 1)
    return ListedColormap(colours or ["none"]), BoundaryNorm(np.arange(n + 1) - 0.5, n)


def _value_scale(minutes):
    """Return the norm from the smallest to the largest value of all timelines."""
    from matplotlib.colors import Normalize

    values = np.concatenate([one.values.compressed() for one in minutes])
    return Normalize(*(values.min(), values.max()) if len(values) else (0, 1))


def _day_label(start, end) -> str:
    """Return the date of a day, and its hours if clocks change, which the columns do not show."""
    hours = (end - start).total_seconds() / 3600
    return f"{start:%a %d %b}" + ("" if hours == 24 else f" ({hours:g} h)")


def _hour_label(tz) -> str:
    return f"time of day ({'UTC' if tz is None else tz})"
