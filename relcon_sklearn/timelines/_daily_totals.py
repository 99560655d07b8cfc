"""daily_totals: hours of each label, or the mean value, of each person and day."""

from __future__ import annotations

from numbers import Real

import numpy as np
from sklearn.utils._optional_dependencies import check_pandas_support
from sklearn.utils._param_validation import Interval, validate_params

from ._columns import as_nanoseconds, check_timeline, people
from ._days import check_days, day_edges, divide

_HOUR = 3600  # s


@validate_params(
    {
        "timeline": "no_validation",
        "tz": "no_validation",
        "day_starts": [str],
        "min_wear_hours": [Interval(Real, 0, 25, closed="both")],
    },
    prefer_skip_nested_validation=True,
)
def daily_totals(timeline, *, tz=None, day_starts="00:00", min_wear_hours=16):
    """Add up a timeline for each person and day.

    Parameters
    ----------
    timeline : DataFrame
        A timeline, as :func:`predict_timeline` returns it, or several that were joined with
        ``pandas.concat``. It needs the columns `start` and `end`, with a time zone, and `label` or
        `value`. Without the column `wear`, the device was always worn. With a column `subject`,
        people are added up separately.

    tz : str, tzinfo or None, default=None
        Time zone of the days, such as "Europe/Vienna", or a fixed offset, such as "+01:00". In a
        zone in which clocks change, days may have 23 or 25 hours. If None, days are those of UTC.

    day_starts : str, default="00:00"
        Local time at which a day starts. With "18:00", a night is within one day.

    min_wear_hours : float, default=16
        Number of hours for which the device must be worn on a valid day. The default is that of
        GGIR [1]_, for devices that are also worn at night. For devices that are only worn while
        people are awake, 10 is usual.

    Returns
    -------
    totals : DataFrame of shape (n_days, n_columns)
        One row for each person and day, from the first day of the person to the last. The columns
        are:

        - `subject`: the person, if the timeline has this column
        - `day`: datetime64, the date on which the day starts
        - `start`, `end`: when the day starts and ends, in the time zone of the days
        - `wear_hours`, `nonwear_hours`: hours for which the device was worn, and was not worn
        - `missing_hours`: the other hours of the day, of which nothing is known
        - `hours_sitting` and so on: hours of each label, while the device was worn
        - `mean_value`: mean of the values over the time for which the device was worn, NaN without
          such time; in place of the hours, for timelines of values
        - `valid`: bool, whether `wear_hours` is at least `min_wear_hours`

    Raises
    ------
    TypeError
        If `timeline` is not a DataFrame.
    ValueError
        If a parameter is not valid, if columns are missing, if times have no time zone, or if rows
        of one person overlap.
    ImportError
        If pandas is not installed.

    See Also
    --------
    predict_timeline : Predict a timeline.

    Notes
    -----
    Hours are elapsed time, also on days on which clocks change. Rows that go over the end of a day
    are divided. Hours of labels are never scaled up to a full day: the hours of a day that was not
    worn completely are too low, which `valid` is for.

    References
    ----------
    .. [1] Migueles et al. GGIR: a research community-driven open source R package for generating
       physical activity and sleep outcomes from multi-day raw accelerometer data. Journal for the
       Measurement of Physical Behaviour 2(3), 2019.

    Examples
    --------
    >>> import pandas as pd
    >>> from relcon_sklearn.timelines import daily_totals
    >>> edges = pd.to_datetime(["2024-03-30 06:00", "2024-03-30 22:00", "2024-03-31 06:00"])
    >>> edges = edges.tz_localize("UTC")
    >>> timeline = pd.DataFrame(
    ...     {"start": edges[:2], "end": edges[1:], "label": ["walking", "lying"]}
    ... )
    >>> totals = daily_totals(timeline, tz="Europe/Vienna")
    >>> totals[["day", "wear_hours", "missing_hours", "hours_lying", "hours_walking", "valid"]]
             day  wear_hours  missing_hours  hours_lying  hours_walking  valid
    0 2024-03-30        17.0            7.0          1.0           16.0   True
    1 2024-03-31         7.0           16.0          7.0            0.0  False

    The clocks are set forward on the second day, which has 23 hours.
    """
    check_pandas_support("daily_totals")
    check_days(tz, day_starts)
    timeline = check_timeline(timeline)
    import pandas

    tables = []
    for subject, own in people(timeline):
        table = _totals_of_one(own, tz, day_starts)
        if subject is not None:
            table.insert(0, "subject", subject)
        tables.append(table)
    totals = pandas.concat(tables, ignore_index=True)
    totals["valid"] = totals["wear_hours"] >= min_wear_hours
    return totals


def _totals_of_one(timeline, tz, day_starts: str):
    """Return the totals of one person, without the column `valid`."""
    import pandas

    edges = day_edges(timeline["start"].iloc[0], timeline["end"].iloc[-1], tz, day_starts)
    start, end, bounds = map(as_nanoseconds, (timeline["start"], timeline["end"], edges))
    row, day, seconds = divide(start, end, bounds)
    n_days, hours = len(edges) - 1, seconds / _HOUR
    wear = timeline["wear"].to_numpy(dtype=bool)[row]

    def total(weights):
        return np.bincount(day, weights, minlength=n_days)

    columns = {
        "day": edges[:-1].tz_localize(None).normalize(),
        "start": edges[:-1],
        "end": edges[1:],
        "wear_hours": total(hours * wear),
        "nonwear_hours": total(hours * ~wear),
    }
    known = columns["wear_hours"] + columns["nonwear_hours"]
    # Sums of hours are not exact: a day without holes has none.
    columns["missing_hours"] = np.maximum(np.diff(bounds) / 1e9 / _HOUR - known, 0).round(9)
    if "label" in timeline.columns:
        labels = timeline["label"].cat
        codes = labels.codes.to_numpy()[row]
        for code, name in enumerate(labels.categories):
            columns[f"hours_{name}"] = total(hours * (wear & (codes == code)))
    else:
        values = timeline["value"].to_numpy(dtype=np.float64)[row]
        known = wear & np.isfinite(values)
        with np.errstate(invalid="ignore"):  # 0 / 0: NaN
            mean = total(np.where(known, hours * values, 0)) / total(hours * known)
        columns["mean_value"] = mean
    return pandas.DataFrame(columns)
