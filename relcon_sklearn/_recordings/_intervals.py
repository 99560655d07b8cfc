"""Labelled intervals of time, such as a diary, and the labels that they give to samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .._utils._warnings import warn
from ._labels import SampleLabels
from ._sample_times import RESOLUTION
from ._times import NS, has_dates


@dataclass(eq=False)
class Intervals:
    """Labelled intervals [start, stop), in order of their start.

    Parameters
    ----------
    name : str
        What to call them in messages.
    rows : ndarray of shape (n_intervals,)
        The row of each interval, as in the index of the DataFrame.
    start, stop : ndarray of shape (n_intervals,), dtype datetime64[ns] or float64
        Bounds as dates in UTC or in seconds.
    time_zone : bool
        Whether the dates had a time zone.
    values : list
        The distinct labels.
    index : ndarray of shape (n_intervals,), dtype int64
        The index of each interval's label in `values`, -1 for no label.

    Attributes
    ----------
    found : ndarray of shape (n_intervals,), dtype bool
        Whether each interval lies at least partly within one of the recordings that were passed to
        `mark_recorded`.
    span : tuple or None
        The first and last time of these recordings.
    """

    name: str
    rows: np.ndarray
    start: np.ndarray
    stop: np.ndarray
    time_zone: bool
    values: list
    index: np.ndarray

    def __post_init__(self):
        self.found = np.zeros(len(self.start), dtype=bool)
        self.span = None

    def label_samples(
        self, times: np.ndarray | None, n_samples: int, rate: float, time_zone: bool, name: str
    ) -> SampleLabels:
        """Return the label of each sample: the label of the interval that contains its time.

        Parameters
        ----------
        times : ndarray of shape (n_samples,), dtype datetime64[ns] or float64, or None
            Times of the samples, increasing. None for regular sampling from 0 s.
        n_samples : int
            Number of samples.
        rate : float
            Sampling rate in Hz.
        time_zone : bool
            Whether the user passed `times` with a time zone.
        name : str
            Name of the recording for errors.

        Raises
        ------
        ValueError
            If the recording has another kind of time than the intervals.
        """
        self._check_kind_of_time(has_dates(times), time_zone, name)
        if times is None:
            times = np.arange(n_samples) / rate
        slack = self._slack()
        # Bounds before the first sample are moved to it: dates near 1678 minus `slack` would wrap.
        first, stop = (
            np.searchsorted(times, np.maximum(bounds, times[0]) - slack)
            for bounds in (self.start, self.stop)
        )
        index = np.full(n_samples, -1, dtype=np.int64)
        for a, b, code in zip(first.tolist(), stop.tolist(), self.index.tolist(), strict=True):
            index[a:b] = code
        return SampleLabels([*self.values, None], index)

    def mark_recorded(self, first, last) -> None:
        """Update `found` and `span` with the first and last time of a recording."""
        slack = self._slack()
        start, stop = (np.maximum(bounds, first) - slack for bounds in (self.start, self.stop))
        self.found |= (start <= last) & (stop > first)
        earlier = (first, last) if self.span is None else self.span
        self.span = (min(first, earlier[0]), max(last, earlier[1]))

    def describe(self, i: int) -> str:
        """Return the label, row and bounds of interval `i` for a message."""
        label = repr(self.values[self.index[i]]) if self.index[i] >= 0 else "no label"
        return f"{label} (row {self.rows[i]}, {_show(self.start[i])} to {_show(self.stop[i])})"

    def check(self) -> None:
        """Raise ValueError if an interval is empty, or overlaps with one of another label."""
        empty = np.flatnonzero(self.stop <= self.start)
        if len(empty):
            raise ValueError(
                f"{self.name}: stop <= start in {len(empty)} of {len(self.start)} intervals. The "
                f"first is {self.describe(empty[0])}. Correct their times or drop them."
            )
        # The earlier interval that lasts longest. No other needs a comparison, because earlier
        # intervals that overlap with each other have the same label.
        latest = np.maximum.accumulate(self.stop)
        longest = np.maximum.accumulate(np.where(self.stop == latest, np.arange(len(latest)), 0))
        overlap = self.start[1:] < latest[:-1] - self._slack()
        wrong = np.flatnonzero(overlap & (self.index[1:] != self.index[longest[:-1]]))
        if len(wrong):
            raise ValueError(
                f"{self.name} has intervals that overlap and differ in their label: "
                f"{self.describe(longest[wrong[0]])} and {self.describe(wrong[0] + 1)}. Correct "
                "their times. If they describe different things, such as the tiers of ELAN, keep "
                "the rows of one."
            )

    def _slack(self):
        """Return the tolerance of comparisons of times, in their unit."""
        return np.timedelta64(round(RESOLUTION / NS), "ns") if has_dates(self.start) else RESOLUTION

    def _check_kind_of_time(self, dates: bool, time_zone: bool, name: str) -> None:
        """Raise ValueError if a recording has another kind of time than the intervals."""
        if has_dates(self.start) and not dates:
            raise ValueError(
                f"{self.name} has dates, but {name} has times in seconds. Pass the dates of its "
                "samples in timestamps, or the intervals in seconds since its start."
            )
        if dates and not has_dates(self.start):
            raise ValueError(
                f"{self.name} has times in seconds, but {name} has dates. Add the date of the "
                "first sample: date + pandas.to_timedelta(frame['start'], 's'), also for 'stop'."
            )
        if dates and time_zone != self.time_zone:
            with_zone, without = (self.name, name) if self.time_zone else (name, self.name)
            raise ValueError(
                f"{with_zone} has dates with a time zone, but {without} has dates without one. Add "
                "it with tz_localize, or convert the others to UTC and remove their time zone with "
                "tz_convert(None)."
            )


def warn_about_intervals_outside(labels) -> None:
    """Warn if intervals are entirely outside of all recordings that they belong to."""
    if not isinstance(labels, list):
        return
    parts = {id(part): part for part in labels if isinstance(part, Intervals)}.values()
    n_outside = sum(np.count_nonzero(~part.found) for part in parts)
    if n_outside == 0:
        return
    part = next(part for part in parts if not part.found.all())
    advice = (
        "Check their dates and time zone."
        if has_dates(part.start)
        else "Times must be in seconds, not samples or milliseconds, as in timestamps. Without "
        "timestamps they count from the start of the recording."
    )
    warn(
        f"{n_outside} of {sum(len(part.start) for part in parts)} intervals are entirely outside "
        f"of their recordings. In {part.name} the first is {part.describe(np.argmin(part.found))}, "
        f"but the recorded time is {_show(part.span[0])} to {_show(part.span[1])}. {advice} Drop "
        "the intervals if they are meant to be outside."
    )


def _show(time) -> str:
    """Return a date, or a time in seconds, for a message."""
    if np.asarray(time).dtype.kind == "M":
        return str(time.astype("datetime64[ms]"))
    return f"{time:.10g} s"
