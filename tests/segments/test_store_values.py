"""Values that a store cannot hold as they are: refused, never changed without a word."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from relcon_sklearn.segments import SegmentWriter, open_segments

SHAPE = {"n_timesteps": 6, "n_channels": 3, "sampling_rate": 50.0}
ONES = np.ones((3, 6, 3), dtype=np.float32)


def stored(path, dtype, values):
    """Return the values of a column after they were written and read."""
    with SegmentWriter(path, **SHAPE, columns={"value": dtype}) as writer:
        writer.append(ONES, "ann", value=values)
    return open_segments(path)["value"]


def assert_refused(path, dtype, values, message):
    with SegmentWriter(path, **SHAPE, columns={"value": dtype}) as writer:
        with pytest.raises(ValueError, match=message):
            writer.append(ONES, "ann", value=values)
        assert writer.n_segments == 0


# ---------------------------------------------------------------- text

NOT_TEXT = {
    "nan in a list": (["walk", "sit", np.nan], "nan at index 2"),
    "nan and None": (["walk", np.nan, None], "nan at index 1"),
    "None": (np.array(["walk", None, "sit"], dtype=object), "None at index 1"),
    "pd.NA": (["walk", "sit", pd.NA], "<NA> at index 2"),
    "pandas str": (pd.Series(["walk", None, "sit"]), "at index 1"),
    "pandas string": (pd.Series(["walk", None, "sit"], dtype="string"), "<NA> at index 1"),
    "categorical": (pd.Series(["walk", "sit", np.nan], dtype="category"), "nan at index 2"),
    "a whole number in a list": (["walk", "sit", 3], "3 at index 2"),
    "whole numbers as objects": (np.array([1, 2, 3], dtype=object), "1 at index 0"),
    "bytes": (["walk", b"sit", "walk"], "b'sit' at index 1"),
}


@pytest.mark.parametrize(("values", "message"), NOT_TEXT.values(), ids=NOT_TEXT)
def test_missing_text_and_numbers_do_not_become_text(values, message, tmp_path):
    assert_refused(tmp_path, "U8", values, f"value has .*{message}, which is not a str. .*''")


def test_missing_text_of_numpy(tmp_path):
    string_dtype = getattr(getattr(np, "dtypes", None), "StringDType", None)
    if string_dtype is None:
        pytest.skip("needs NumPy 2")
    values = np.array(["walk", np.nan, "sit"], dtype=string_dtype(na_object=np.nan))
    assert_refused(tmp_path, "U8", values, "value has nan at index 1, which is not a str")


@pytest.mark.parametrize(
    "make",
    [
        list,
        np.array,
        np.ma.array,
        lambda values: np.array(values, dtype=object),
        pd.Series,
        lambda values: pd.Series(values, dtype="string"),
        pd.Categorical,
    ],
)
def test_text_comes_back(make, tmp_path):
    values = ["walk", "", "é"]
    assert_array_equal(stored(tmp_path, "U8", make(values)), values)


# ---------------------------------------------------------------- numbers and dates

OUT_OF_RANGE = {
    "float32": ("f4", [1.0, -1e300, 2.0], r"-1e\+300.* at index 1"),
    "float16": ("f2", np.array([1, 70_000, 2]), "70000.* at index 1"),
    "int16": ("i2", [1, 2, 40_000], "40000.* at index 2"),
    "unsigned": (
        "i8",
        np.array([1, 2**63, 2], dtype=np.uint64),
        "9223372036854775808.* at index 1",
    ),
    "dates": ("M8[ns]", np.array(["1970", "2300", "NaT"], dtype="M8[s]"), "2300.* at index 1"),
    "durations": ("m8[ns]", np.array([1, 10**12, 2], dtype="m8[s]"), "1000000000000.* at index 1"),
}


@pytest.mark.parametrize(("dtype", "values", "message"), OUT_OF_RANGE.values(), ids=OUT_OF_RANGE)
def test_values_out_of_range_do_not_wrap_or_become_infinite(dtype, values, message, tmp_path):
    assert_refused(tmp_path, dtype, values, f"value has .*{message}, which does not fit")


@pytest.mark.parametrize(
    ("dtype", "values"),
    [
        ("f4", [np.nan, np.inf, -np.inf]),
        ("f4", np.array([1, 2, 3])),
        ("M8[ns]", np.array(["1970", "NaT", "2200"], dtype="M8[D]")),
        ("m8[s]", np.array([1, "NaT", 3], dtype="m8[h]")),
        ("?", [True, False, True]),
    ],
)
def test_what_fits_comes_back(dtype, values, tmp_path):
    assert_array_equal(stored(tmp_path, dtype, values), values)


INEXACT = {
    "f4": ("f4", [2**24 + 1, 1, 2], r"16777217.* at index 0"),
    "f4, negative": ("f4", [1, 2, -(2**24) - 1], r"-16777217.* at index 2"),
    "f2": ("f2", np.array([1, 2049, 2], np.int16), r"2049.* at index 1"),
    "f8": ("f8", [1, 2, 2**53 + 1], r"9007199254740993.* at index 2"),
    "f8, largest": ("f8", [1, 2, 2**63 - 1], r"9223372036854775807.* at index 2"),
    "f4, unsigned": ("f4", np.array([1, 2**64 - 1, 2], np.uint64), "18446.* at index 1"),
}


@pytest.mark.parametrize(("dtype", "values", "message"), INEXACT.values(), ids=INEXACT)
def test_integers_that_floats_cannot_represent_are_refused(dtype, values, message, tmp_path):
    assert_refused(tmp_path, dtype, values, f"value has .*{message}, which .*f8 or i8.*pass floats")


def test_integers_that_floats_represent_come_back(tmp_path):
    for i, (dtype, values) in enumerate(
        [
            ("f4", [2**24, -(2**24), 2**40]),
            ("f8", [2**53, -(2**63), 2**62]),
            ("f2", np.array([127, -128, 1], np.int8)),
            ("f8", np.array([2**63, 0, 255], np.uint64)),
        ]
    ):
        assert_array_equal(stored(tmp_path / str(i), dtype, values), values)
    assert stored(tmp_path / "floats", "f4", [2**24 + 1.0, 1, 2])[0] == 2**24


def test_messages_of_columns_say_what_to_do(tmp_path):
    assert_refused(
        tmp_path, "U8", [1, 2, 3], r"but its column has <U8. Convert .*columns\['value'\]"
    )
    with pytest.raises(ValueError, match=r"'S8' is a dtype of bytes, which are not supp.*'U16'"):
        SegmentWriter(tmp_path / "bytes", **SHAPE, columns={"value": "S8"})


def test_precision_may_be_lost(tmp_path):
    values = np.array(["2026-03-01T10:30:15.5"] * 3, dtype="M8[ms]")
    assert_array_equal(stored(tmp_path, "M8[h]", values), values.astype("M8[h]"))


# ---------------------------------------------------------------- masks


def test_masked_values_are_not_filled(tmp_path):
    mask = [False, True, False]
    for dtype, values in (("U8", list("abc")), ("f4", [1.0, 2, 3])):
        masked = np.ma.array(values, mask=mask)
        assert_refused(tmp_path / dtype, dtype, masked, "value is masked at index 1")
        assert_array_equal(stored(tmp_path / dtype, dtype, np.ma.array(values)), values)
    with SegmentWriter(tmp_path / "store", **SHAPE) as writer:
        with pytest.raises(ValueError, match="X contains masked values: first in row 1"):
            writer.append(np.ma.array(ONES, mask=np.reshape(mask, (3, 1, 1)) & (ONES > 0)), "ann")
        for name in ("times", "hours"):
            with pytest.raises(ValueError, match=f"{name} is masked at index 1"):
                writer.append(ONES, "ann", **{name: np.ma.array([1, 2, 3], mask=mask)})
        writer.append(np.ma.array(ONES), "ann")
        assert writer.n_segments == 3


# ---------------------------------------------------------------- times

LOCAL = pd.to_datetime(["2026-03-29 00:30", "2026-03-29 01:30", "2026-03-29 03:30"])
UTC = np.array(["2026-03-28T23:30", "2026-03-29T00:30", "2026-03-29T01:30"], dtype="M8[ns]")


@pytest.mark.parametrize("make", [pd.DatetimeIndex, pd.Series, pd.array])
@pytest.mark.parametrize("unit", ["s", "ns"])
def test_times_with_a_time_zone_are_stored_in_utc(make, unit, tmp_path):
    times = make(LOCAL.as_unit(unit).tz_localize("Europe/Rome"))
    with SegmentWriter(tmp_path, **SHAPE) as writer:
        writer.append(ONES, "ann", times=times)
        writer.append(ONES, "bob", times=UTC)
    store = open_segments(tmp_path)
    assert_array_equal(store.times, np.tile(UTC, 2))
    assert_array_equal(store.hour_groups[:], np.arange(6))


@pytest.mark.parametrize(
    "make",
    [
        list,
        lambda index: index.to_numpy(),
        lambda index: index.to_pydatetime(),
        # Objects of two offsets, as an index of text with UTC offsets gives.
        lambda index: pd.Index([*index[:2], index[2].tz_convert("Asia/Tokyo")], dtype=object),
    ],
    ids=["list", "to_numpy", "to_pydatetime", "mixed offsets"],
)
def test_times_that_are_objects_with_offsets_are_stored_in_utc(make, tmp_path):
    times = make(LOCAL.tz_localize("Europe/Rome"))
    with SegmentWriter(tmp_path / "times", **SHAPE) as writer:
        writer.append(ONES, "ann", times=times)
    assert_array_equal(open_segments(tmp_path / "times").times, UTC)
    assert_array_equal(stored(tmp_path / "column", "M8[s]", times), UTC)


def test_other_objects_are_no_times(tmp_path):
    with SegmentWriter(tmp_path, **SHAPE) as writer:
        for times in (list(LOCAL), [*LOCAL[:2].tz_localize("UTC"), pd.NaT]):
            with pytest.raises(ValueError, match=r"dtype object. Pass .*pandas.to_datetime\("):
                writer.append(ONES, "ann", times=times)


def test_a_column_with_a_time_zone_is_stored_in_utc(tmp_path):
    assert_array_equal(stored(tmp_path, "M8[s]", pd.Series(LOCAL.tz_localize("Europe/Rome"))), UTC)


@pytest.mark.parametrize("zone", [None, "Europe/Rome"])
def test_times_that_would_wrap_are_refused(zone, tmp_path):
    times = pd.Series(pd.DatetimeIndex(["2026-03-01", "2300-03-01", "2026-03-02"], dtype="M8[s]"))
    with SegmentWriter(tmp_path, **SHAPE) as writer:
        with pytest.raises(ValueError, match=r"times must be within 1678 to 2262.*Got 2300-0"):
            writer.append(ONES, "ann", times=times.dt.tz_localize(zone))


def test_missing_times_with_a_time_zone_are_refused(tmp_path):
    times = pd.DatetimeIndex([LOCAL[0], pd.NaT, LOCAL[1]], tz="UTC")
    with SegmentWriter(tmp_path, **SHAPE) as writer:
        with pytest.raises(ValueError, match="times has no value at index 1"):
            writer.append(ONES, "ann", times=times)


@pytest.mark.parametrize("scale", [1e3, 1e6, 1e9, -1e3])
@pytest.mark.parametrize("dtype", [np.float64, np.int64])
def test_epochs_in_finer_units_than_seconds_are_refused(dtype, scale, tmp_path):
    seconds = 1.7e9 + 2.0 * np.arange(3)
    with SegmentWriter(tmp_path, **SHAPE) as writer:
        with pytest.raises(ValueError, match=r"times has .* at index 0, .*Divide mill.* by 1000"):
            writer.append(ONES, "ann", times=(scale * seconds).astype(dtype))
        assert writer.n_segments == 0
        writer.append(ONES, "ann", times=seconds.astype(dtype))
    assert_array_equal(open_segments(tmp_path).times, seconds)


def around_the_change(zone, minutes, change):
    """Return times in UTC around a change of clocks, and their local times."""
    change = pd.Timestamp(change, tz="UTC")
    times = change + pd.to_timedelta(np.arange(-minutes, minutes, 10), "min")
    return times, times.tz_convert(zone).tz_localize(None)


CHANGES = {
    "Europe/Vienna": ("2024-10-27T01:00", "60"),
    "Australia/Lord_Howe": ("2024-04-06T15:00", "30"),
}


@pytest.mark.parametrize("zone", CHANGES)
def test_local_times_in_which_the_clock_was_set_back_are_warned_of(zone, tmp_path):
    change, minutes = CHANGES[zone]
    utc, local = around_the_change(zone, 60, change)
    X = np.ones((len(utc), 6000, 3), np.float32)  # 10 minutes at 10 Hz
    shape = {"n_timesteps": 6000, "n_channels": 3, "sampling_rate": 10.0}
    back = int(np.flatnonzero(np.diff(local) < pd.Timedelta(0))[0]) + 1
    step = int(minutes) - 10
    match = rf"times steps back by {step} minutes at index {back}, .*ambiguous=.*\(12\) < {back}\)"
    with SegmentWriter(tmp_path, **shape) as writer:
        with pytest.warns(UserWarning, match=match):
            writer.append(X, "naive", times=local)
        # What the message advises.
        writer.append(
            X, "zoned", times=local.tz_localize(zone, ambiguous=np.arange(len(local)) < back)
        )
        writer.append(X, "utc", times=pd.DatetimeIndex(local, tz="UTC"))
    store = open_segments(tmp_path)
    assert_array_equal(store.times[len(X) : 2 * len(X)], utc.tz_localize(None))
    assert_array_equal(store.times[2 * len(X) :], local)


def test_segments_in_another_order_are_not_local_times(tmp_path):
    hours = np.datetime64("2026-03-01") + np.arange(8).astype("m8[h]")
    X = np.ones((8, 6, 3), np.float32)
    with SegmentWriter(tmp_path, **SHAPE) as writer:
        writer.append(X, "reversed", times=hours[::-1])
        writer.append(X, "two days", times=hours + np.repeat([1, 0], 4).astype("m8[D]"))
    assert len(open_segments(tmp_path)) == 16


# ---------------------------------------------------------------- groups


def test_groups_go_into_a_frame(tmp_path):
    with SegmentWriter(tmp_path, **SHAPE) as writer:
        for subject in ["ann", "bob", "ann"]:
            writer.append(ONES, subject, times=UTC)
    store = open_segments(tmp_path)
    frame = pd.DataFrame({"subject": store.groups, "hour": store.hour_groups, "time": store.times})
    assert frame["subject"].tolist() == ["ann"] * 3 + ["bob"] * 3 + ["ann"] * 3
    assert frame["hour"].tolist() == [0, 1, 2, 3, 4, 5, 0, 1, 2]
    assert frame["hour"].dtype == store.hour_groups.dtype
    assert pd.Series(store.groups, name="subject").equals(frame["subject"])
    part = store.select(["bob"])
    assert pd.Series(part.groups).value_counts().to_dict() == {"bob": 3}
    frame["again"] = store.groups
    assert frame["again"].equals(frame["subject"])
    assert list(store.groups) == frame["subject"].tolist()
    # What the guide advises where pandas accepts only arrays.
    assert frame.groupby(np.asarray(store.groups)).size().to_dict() == {"ann": 6, "bob": 3}
    assert pd.unique(np.asarray(store.groups)).tolist() == ["ann", "bob"]
