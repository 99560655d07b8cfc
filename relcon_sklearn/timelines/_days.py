"""Days in a time zone, and the division of time among them."""

from __future__ import annotations

import re

import numpy as np

DAY_STARTS = re.compile(r"([01]\d|2[0-3]):[0-5]\d")


def check_days(tz, day_starts: str) -> None:
    """Raise ValueError if a time zone is unknown, or if a time of day is not one."""
    if tz is not None:
        import pandas

        try:
            pandas.Timestamp(0, tz=tz)
        except Exception:  # of pandas, zoneinfo, pytz or dateutil
            raise ValueError(
                f"tz={tz!r} is not a known time zone. Pass a name such as 'Europe/Vienna', or an "
                "offset such as '+01:00'."
            ) from None
    if not isinstance(day_starts, str) or not DAY_STARTS.fullmatch(day_starts):
        raise ValueError(
            f"day_starts={day_starts!r} is not a time of day. Pass hours and minutes, such as "
            "'00:00' or '18:00'."
        )


def day_edges(first, last, tz=None, day_starts: str = "00:00"):
    """Return the starts of the days from `first` to `last`, and the end of the last day.

    Parameters
    ----------
    first, last : Timestamp
        Start and end of some time, with a time zone.
    tz : str, tzinfo or None, default=None
        Zone of the days, UTC if None.
    day_starts : str, default="00:00"
        When a day starts. Where the clock skips this time, it starts after the change. Where the
        clock shows it twice, it starts the first time.

    Returns
    -------
    edges : DatetimeIndex of shape (n_days + 1,)
        In the zone.
    """
    import pandas

    tz = "UTC" if tz is None else tz
    one_day, of_day = pandas.Timedelta(days=1), pandas.Timedelta(f"{day_starts}:00")
    begin, stop = (time.tz_convert(tz).tz_localize(None).normalize() for time in (first, last))
    naive = pandas.date_range(begin - one_day, stop + 2 * one_day, freq="D") + of_day
    edges = naive.tz_localize(
        tz, ambiguous=np.ones(len(naive), dtype=bool), nonexistent="shift_forward"
    )
    # Where a zone skips a whole day, as Samoa did, the next one starts in its place.
    in_utc = edges.as_unit("ns").asi8
    edges = pandas.DatetimeIndex(np.minimum.accumulate(in_utc[::-1])[::-1], tz="UTC")
    edges = edges.unique().tz_convert(tz)
    return edges[edges.searchsorted(first, "right") - 1 : edges.searchsorted(last, "left") + 1]


def divide(
    start: np.ndarray, end: np.ndarray, edges: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Divide periods among intervals.

    Parameters
    ----------
    start, end : ndarray of shape (n,), dtype int64
        Periods, in ns, within the intervals. Each ends after it starts.
    edges : ndarray of shape (n_intervals + 1,), dtype int64
        Edges of successive intervals, in ns.

    Returns
    -------
    period, interval : ndarray of shape (n_parts,), dtype int64
        Of each part, the numbers of its period and its interval.
    seconds : ndarray of shape (n_parts,), dtype float64
        Its duration.
    """
    first = np.searchsorted(edges, start, side="right") - 1
    n_parts = np.searchsorted(edges, end, side="left") - first
    period = np.repeat(np.arange(len(start)), n_parts)
    number = np.arange(len(period)) - np.repeat(np.cumsum(n_parts) - n_parts, n_parts)
    interval = first[period] + number
    inside = np.minimum(end[period], edges[interval + 1]) - np.maximum(
        start[period], edges[interval]
    )
    return period, interval, inside / 1e9
