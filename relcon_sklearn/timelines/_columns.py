"""Checks of the columns of a timeline, which may also be made by hand or read from a file."""

from __future__ import annotations

from collections import Counter

import numpy as np

# ns, more than a sample of 10 Hz: the last row may end up to a sample after the next one begins.
_LARGEST_OVERLAP = 100_000_000
# Of the time of all rows, which overlaps may have in total. Beyond it, much time would count twice.
_LARGEST_SHARE = 0.01


def check_timeline(timeline, name: str = "timeline"):
    """Return a timeline in the order of time, with the columns `wear` and `label` or `value`.

    Without `wear`, the device was always worn. `label` becomes Categorical.

    Raises
    ------
    TypeError
        If it is not a DataFrame.
    ValueError
        If columns or values are missing, if times have no time zone or do not increase, or if rows
        overlap.
    """
    import pandas

    if not isinstance(timeline, pandas.DataFrame):
        raise TypeError(
            f"{name} is of type {type(timeline).__name__}. Pass a DataFrame, as predict_timeline "
            "returns it."
        )
    missing = [column for column in ("start", "end") if column not in timeline.columns]
    kinds = [column for column in ("label", "value") if column in timeline.columns]
    if missing or len(kinds) != 1:
        raise ValueError(
            f"{name} has the columns {list(timeline.columns)}; expected start and end, and either "
            "label or value."
        )
    if len(timeline) == 0:
        raise ValueError(f"{name} has no rows.")
    for column in ("start", "end"):
        times = timeline[column]
        if not isinstance(times.dtype, pandas.DatetimeTZDtype):
            raise ValueError(
                f"{name}: column {column!r} has dtype {times.dtype}; expected times with a time "
                f"zone. If they are UTC, use pandas.to_datetime({name}[{column!r}], utc=True)."
            )
        if times.isna().any():
            raise ValueError(f"{name}: column {column!r} has missing times. Leave these rows out.")
    wrong = timeline["end"] <= timeline["start"]
    if wrong.any():
        raise ValueError(
            f"{name}: {wrong.sum()} rows do not end after they start, the first at "
            f"{timeline['start'][wrong].iloc[0]}."
        )
    timeline = timeline.sort_values("start", kind="stable", ignore_index=True)
    if "wear" not in timeline.columns:
        timeline = timeline.assign(wear=True)
    elif not timeline["wear"].isin([True, False]).all():
        other = timeline["wear"][~timeline["wear"].isin([True, False])].iloc[0]
        raise ValueError(f"{name}: column 'wear' has the value {other!r}; expected True or False.")
    if "subject" in timeline.columns and timeline["subject"].isna().any():
        raise ValueError(
            f"{name}: column 'subject' is missing in {timeline['subject'].isna().sum()} rows. Name "
            "the person of each row, or leave these rows out."
        )
    if kinds == ["label"]:
        if not isinstance(timeline["label"].dtype, pandas.CategoricalDtype):
            timeline = timeline.assign(label=timeline["label"].astype("category"))
        _check_names(timeline["label"].cat.categories, name)
    _check_no_overlap(timeline, name)
    return timeline


def _check_names(labels, name: str) -> None:
    """Raise ValueError if two labels have the same text, as 1 and "1", which names a column."""
    (text, count), *_ = Counter(map(str, labels)).most_common(1) or [("", 0)]
    if count > 1:
        same = [label for label in labels if str(label) == text]
        raise ValueError(
            f"{name}: {count} labels have the text {text!r}: "
            f"{', '.join(f'{label!r} of type {type(label).__name__}' for label in same)}. Convert "
            "the column 'label' to text, or name them apart."
        )


def _check_no_overlap(timeline, name: str) -> None:
    """Raise ValueError if rows of one person overlap, by more than resampling can explain."""
    for subject, own in people(timeline):
        start, end = as_nanoseconds(own["start"]), as_nanoseconds(own["end"])
        length = end - start
        overlap = np.maximum(end[:-1] - start[1:], 0)
        late = overlap > np.minimum(np.minimum(length[1:], length[:-1]) // 2, _LARGEST_OVERLAP)
        if overlap.sum() > _LARGEST_SHARE * length.sum():
            late = overlap > 0
        if not late.any():
            continue
        if subject is None:
            who = ""
            advice = (
                "If they are of several people, name these in a column 'subject', as "
                "predict_timeline(..., subject='ann') does. Keep"
            )
        else:
            who = f" of subject {subject!r}"
            advice = "Leave out rows that are there twice, and keep"
        raise ValueError(
            f"{name}: rows{who} overlap in time, the first at "
            f"{own['start'].iloc[1:][late].iloc[0]}. {advice} the recordings of two devices of one "
            "person apart."
        )


def people(timeline):
    """Yield the subject and the rows of each person; the subject is None without such a column."""
    if "subject" in timeline.columns:
        yield from timeline.groupby("subject", sort=False, observed=True)
    else:
        yield None, timeline


def as_nanoseconds(times) -> np.ndarray:
    """Return times with a time zone as int64, in ns since 1970."""
    import pandas

    return pandas.DatetimeIndex(times).as_unit("ns").asi8
