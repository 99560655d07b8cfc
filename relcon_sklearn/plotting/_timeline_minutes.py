"""What each minute of the days of a timeline shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ..timelines._columns import as_nanoseconds
from ..timelines._days import day_edges, divide

_MINUTE = 60  # s
_MINUTE_NS = 60 * 10**9

# States of a minute.
HOLE, NONWEAR, WORN = 0, 1, 2


class Minutes(NamedTuple):
    """Minutes of days: arrays of shape (n_days, n_minutes of the longest day)."""

    state: np.ndarray
    values: np.ma.MaskedArray  # codes of labels, or values, of minutes that are worn

    def nonwear_runs(self) -> Iterator[tuple[int, int, int]]:
        """Yield runs of minutes without wear: the day, the first minute, and the one after."""
        for day, states in enumerate(self.state):
            edges = np.diff(np.concatenate([[0], states == NONWEAR, [0]]).astype(np.int8))
            for first, stop in zip(
                np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True
            ):
                yield day, int(first), int(stop)


def days_of(timelines, tz, day_starts: str):
    """Return the edges of the days that any of some timelines covers."""
    timelines = list(timelines)
    first = min(timeline["start"].iloc[0] for timeline in timelines)
    last = max(timeline["end"].iloc[-1] for timeline in timelines)
    return day_edges(first, last, tz, day_starts)


def label_minutes(timeline, edges, classes: list) -> Minutes:
    """Return the minutes of a timeline, each with the code of the label that most of it has.

    A minute of which most is a hole, or was not worn, is that.
    """
    codes = timeline["label"].cat.set_categories(classes).cat.codes.to_numpy()
    wear = timeline["wear"].to_numpy(dtype=bool)
    minute, row, seconds, size = _minutes(timeline, edges)
    known = wear[row] & (codes[row] >= 0)
    of_label = np.zeros((size, len(classes)))
    np.add.at(of_label, (minute[known], codes[row][known]), seconds[known])
    nonwear = np.bincount(minute, seconds * ~wear[row], minlength=size)
    worn, best = of_label.sum(axis=1), of_label.max(axis=1, initial=0)
    chosen = of_label.argmax(axis=1) if classes else np.zeros(size)
    return _by_day(best, worn, nonwear, chosen, edges)


def value_minutes(timeline, edges) -> Minutes:
    """Return the minutes of a timeline, each with the mean of its values."""
    values = timeline["value"].to_numpy(dtype=np.float64)
    wear = timeline["wear"].to_numpy(dtype=bool)
    minute, row, seconds, size = _minutes(timeline, edges)
    known = wear[row] & np.isfinite(values[row])
    worn = np.bincount(minute, seconds * known, minlength=size)
    total = np.bincount(minute, np.where(known, seconds * values[row], 0), minlength=size)
    nonwear = np.bincount(minute, seconds * ~wear[row], minlength=size)
    mean = np.divide(total, worn, out=np.zeros(size), where=worn > 0)
    return _by_day(worn, worn, nonwear, mean, edges)


def _minutes(timeline, edges) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Divide rows among minutes: minute and row of each part, its seconds, number of minutes."""
    bounds = as_nanoseconds(edges)
    # Steps of np.arange would be counted in float64, in which a hundred days of ns are not exact.
    grid = bounds[0] + _MINUTE_NS * np.arange((bounds[-1] - bounds[0]) // _MINUTE_NS + 1)
    start, end = as_nanoseconds(timeline["start"]), as_nanoseconds(timeline["end"])
    row, minute, seconds = divide(start, end, grid)
    return minute, row, seconds, len(grid) - 1


def _by_day(
    best: np.ndarray, worn: np.ndarray, nonwear: np.ndarray, values: np.ndarray, edges
) -> Minutes:
    """Return minutes in rows of days, given the seconds of what each minute may show."""
    hole = _MINUTE - worn - nonwear
    state = np.argmax(np.stack([hole, nonwear, best]), axis=0)  # HOLE, NONWEAR, WORN
    stops = (as_nanoseconds(edges) - as_nanoseconds(edges[:1])) // _MINUTE_NS
    lengths = np.diff(stops)
    day = np.repeat(np.arange(len(lengths)), lengths)
    column = np.arange(len(day)) - np.repeat(stops[:-1], lengths)
    shape = (len(lengths), max(lengths))
    states, shown = np.full(shape, HOLE), np.ma.masked_all(shape)
    states[day, column] = state
    shown[day, column] = np.ma.masked_array(values, state != WORN)
    return Minutes(states, shown)
