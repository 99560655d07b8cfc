"""The figure of a timeline, or of the part of it that a figure can show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from .._utils._atomic import replacing
from .._utils._warnings import warn
from ..plotting import TimelineDisplay
from ..plotting._timeline import MAX_LABELS, MOST_DAYS
from ..timelines._columns import as_nanoseconds
from ..timelines._days import day_edges

_DPI = 120
_DAY_NS = 24 * 3600 * 10**9
_OTHERS = "other labels"


def draw(timeline, path: Path, days: dict[str, Any], has_zone: bool = True) -> None:
    """Write the figure of a timeline, and warn if it does not show all of it.

    `days` are the parameters `tz` and `day_starts` of TimelineDisplay. Without `has_zone`, the
    times are those of the clock of the device, which need not be UTC.
    """
    import matplotlib

    matplotlib.use("Agg")  # also where there is no screen
    import matplotlib.pyplot as plt

    shown = _with_few_labels(_within_few_days(timeline, path.name, days), path.name)
    display = TimelineDisplay.from_timeline(shown, **days)
    if not has_zone:
        display.ax_.set_xlabel("time of day (clock of the device)")
    figure = display.figure_
    with replacing(path) as file:
        # Without the version of matplotlib, so that the same image is the same file.
        figure.savefig(file, format="png", dpi=_DPI, metadata={"Software": None})
    plt.close(figure)


def _within_few_days(timeline, name: str, days: dict[str, Any]):
    """Return the rows to show: all, or if there are too many days, those of the most data."""
    first, last = timeline["start"].iloc[0], timeline["end"].iloc[-1]
    n_days = len(day_edges(first, last, **days)) - 1
    if n_days <= MOST_DAYS:
        return timeline
    start, end = as_nanoseconds(timeline["start"]), as_nanoseconds(timeline["end"])
    # Two days less, because the first and last may be incomplete, and days may have 23 hours.
    stop = np.searchsorted(end, start + (MOST_DAYS - 2) * _DAY_NS, side="right")
    until = np.append(0, np.cumsum(end - start))
    best = np.argmax(until[stop] - until[:-1])
    shown = timeline.iloc[best : stop[best]]
    warn(
        f"{name} only shows {shown['start'].iloc[0]:%Y-%m-%d} to {shown['end'].iloc[-1]:%Y-%m-%d}, "
        f"because the recording has {n_days} days, from {first:%Y-%m-%d} to {last:%Y-%m-%d}, and a "
        f"figure can show {MOST_DAYS}. The clock of the device was probably wrong for some time. "
        "The tables have all of the recording."
    )
    return shown


def _with_few_labels(timeline, name: str):
    """Return the timeline to show, in which the labels with the least time may be one."""
    if "label" not in timeline.columns or len(timeline["label"].cat.categories) <= MAX_LABELS:
        return timeline
    labels = timeline["label"].cat.remove_unused_categories()
    if len(labels.cat.categories) <= MAX_LABELS:
        return timeline.assign(label=labels)
    time = (timeline["end"] - timeline["start"]).groupby(labels, observed=False).sum()
    kept = time.sort_values(ascending=False, kind="stable").index[: MAX_LABELS - 1]
    warn(
        f"{name} shows {len(time) - len(kept)} labels with the least time as {_OTHERS!r}, because "
        f"a figure can show {MAX_LABELS}, and there are {len(time)}. The tables have all "
        "labels."
    )
    merged = labels.astype(object).where(labels.isin(kept) | labels.isna(), _OTHERS)
    return timeline.assign(label=merged.astype("category"))
