"""daily_totals: compared with a count of minutes, also on days on which clocks change."""

from zoneinfo import ZoneInfo

import numpy as np
import pytest

pd = pytest.importorskip("pandas")

from relcon_sklearn.timelines import daily_totals  # noqa: E402

VIENNA = "Europe/Vienna"


def timeline_of(start, minutes, labels, **columns):
    """A timeline of rows of whole minutes, one after the other."""
    edges = pd.Timestamp(start, tz="UTC") + pd.to_timedelta(np.cumsum([0, *minutes]), unit="min")
    return pd.DataFrame({"start": edges[:-1], "end": edges[1:], "label": labels} | columns)


def random_timeline(start, days=4, seed=0):
    """Rows of 1 to 300 minutes with some non-wear and some holes."""
    rng = np.random.default_rng(seed)
    minutes = rng.integers(1, 300, 10 * days)
    labels = rng.choice(["lying", "sitting", "walking"], len(minutes))
    timeline = timeline_of(start, minutes, labels, wear=rng.random(len(minutes)) > 0.2)
    return timeline[rng.random(len(minutes)) > 0.2]


def by_minutes(timeline, tz, day_starts=0):
    """Slow reference: {day: {what: hours}}, by the local clock at the middle of each minute."""
    days = {}
    for row in timeline.itertuples():
        for minute in pd.date_range(row.start, row.end, freq="min", inclusive="left"):
            local = (minute + pd.Timedelta(30, "s")).to_pydatetime().astimezone(ZoneInfo(tz))
            day = local.date() - pd.Timedelta(days=int(local.hour < day_starts))
            hours = days.setdefault(pd.Timestamp(day), {})
            what = row.label if row.wear else "nonwear"
            hours[what] = hours.get(what, 0) + 1 / 60
    return days


@pytest.mark.parametrize("start", ["2024-03-29T17:00", "2024-10-25T17:00", "2024-06-01T00:00"])
@pytest.mark.parametrize(("tz", "day_starts"), [(VIENNA, 0), ("UTC", 0), (VIENNA, 18)])
def test_hours_are_those_of_the_minutes(start, tz, day_starts):
    timeline = random_timeline(start)
    totals = daily_totals(timeline, tz=tz, day_starts=f"{day_starts:02}:00").set_index("day")
    expected = by_minutes(timeline, tz, day_starts)
    assert set(expected) <= set(totals.index)
    for day, row in totals.iterrows():
        hours = expected.get(day, {})
        assert row["nonwear_hours"] == pytest.approx(hours.pop("nonwear", 0))
        assert row["wear_hours"] == pytest.approx(sum(hours.values()))
        for name in ("lying", "sitting", "walking"):
            assert row[f"hours_{name}"] == pytest.approx(hours.get(name, 0))


@pytest.mark.parametrize(("start", "hours"), [("2024-03-30", 23), ("2024-10-26", 25)])
def test_days_on_which_clocks_change(start, hours):
    timeline = timeline_of(f"{start}T00:00", [3 * 24 * 60], ["lying"])
    totals = daily_totals(timeline, tz=VIENNA)
    assert totals["day"].dt.strftime("%m-%d").tolist() == [
        (pd.Timestamp(start) + pd.Timedelta(days=i)).strftime("%m-%d") for i in range(4)
    ]
    middle = totals.iloc[1]
    assert middle["hours_lying"] == middle["wear_hours"] == hours
    assert middle["end"] - middle["start"] == pd.Timedelta(hours=hours)
    assert totals["missing_hours"].iloc[1:3].tolist() == [0, 0]
    assert totals["wear_hours"].sum() == pytest.approx(72)


def test_a_day_that_starts_at_a_skipped_or_repeated_time():
    timeline = timeline_of("2024-03-30T00:00", [3 * 24 * 60], ["lying"])
    skipped = daily_totals(timeline, tz=VIENNA, day_starts="02:30")
    assert skipped["start"].astype(str).tolist()[2] == "2024-03-31 03:00:00+02:00"
    timeline = timeline_of("2024-10-26T00:00", [3 * 24 * 60], ["lying"])
    repeated = daily_totals(timeline, tz=VIENNA, day_starts="02:30")
    assert repeated["start"].astype(str).tolist()[2] == "2024-10-27 02:30:00+02:00"
    assert repeated["end"].iloc[2] - repeated["start"].iloc[2] == pd.Timedelta(hours=25)


@pytest.mark.parametrize(
    ("tz", "skipped"), [("Pacific/Apia", "2011-12-30"), ("Pacific/Kwajalein", "1993-08-21")]
)
def test_a_day_that_a_zone_skips_is_no_day(tz, skipped):
    before, after = (pd.Timestamp(skipped) + pd.Timedelta(days=i) for i in (-1, 1))
    start = before.tz_localize(tz).tz_convert("UTC").tz_localize(None)
    totals = daily_totals(timeline_of(start.isoformat(), [48 * 60], ["lying"]), tz=tz)
    assert totals["day"].tolist() == [before, after]
    assert totals["hours_lying"].tolist() == [24, 24]
    assert totals["missing_hours"].tolist() == [0, 0]


def test_a_row_over_midnight_is_divided():
    timeline = timeline_of("2024-06-01T23:30", [60], ["lying"])
    totals = daily_totals(timeline)
    assert totals["hours_lying"].tolist() == [0.5, 0.5]
    assert totals["missing_hours"].tolist() == [23.5, 23.5]
    assert daily_totals(timeline, tz="+01:00")["hours_lying"].tolist() == [1.0]
    assert daily_totals(timeline, day_starts="18:00")["day"].tolist() == [
        pd.Timestamp("2024-06-01")
    ]


def test_rows_that_end_at_midnight_have_no_next_day():
    totals = daily_totals(timeline_of("2024-06-01T23:00", [60], ["lying"]))
    assert totals["day"].tolist() == [pd.Timestamp("2024-06-01")]


def test_days_without_data_are_there_and_not_valid():
    parts = [timeline_of(f"2024-06-0{d}T00:00", [20 * 60], ["lying"]) for d in (1, 4)]
    totals = daily_totals(pd.concat(parts))
    assert totals["wear_hours"].tolist() == [20, 0, 0, 20]
    assert totals["missing_hours"].tolist() == [4, 24, 24, 4]
    assert totals["valid"].tolist() == [True, False, False, True]


def test_the_rule_for_valid_days():
    timeline = timeline_of("2024-06-01T00:00", [16 * 60, 8 * 60], "ab", wear=[True, False])
    assert daily_totals(timeline)["valid"].tolist() == [True]
    assert daily_totals(timeline, min_wear_hours=16.1)["valid"].tolist() == [False]


def test_people_are_added_up_separately():
    one = timeline_of("2024-06-01T00:00", [60], ["a"], subject="ann")
    two = timeline_of("2024-06-01T00:30", [600], ["b"], subject="bob")
    totals = daily_totals(pd.concat([two, one]))
    assert totals["subject"].tolist() == ["ann", "bob"]
    assert totals["hours_a"].tolist() == [1, 0]
    assert totals["hours_b"].tolist() == [0, 10]


def test_values_have_a_mean_over_time():
    timeline = timeline_of("2024-06-01T23:00", [30, 90, 60], "abc", wear=[True, True, False])
    timeline = timeline.drop(columns="label").assign(value=[2.0, 6.0, np.nan])
    totals = daily_totals(timeline)
    assert totals["mean_value"].tolist() == [(0.5 * 2 + 0.5 * 6) / 1, 6]
    never = daily_totals(timeline.assign(wear=False))
    assert never["mean_value"].isna().all()
    assert never["nonwear_hours"].sum() == 3


def test_classes_that_never_occur_have_0_hours():
    labels = pd.Categorical(["lying"], categories=["lying", "running"])
    assert daily_totals(timeline_of("2024-06-01T00:00", [60], labels))["hours_running"].item() == 0


def test_a_timeline_from_a_file(tmp_path):
    timeline = random_timeline("2024-06-01T00:00")
    timeline.to_csv(tmp_path / "ann.csv", index=False)
    read = pd.read_csv(tmp_path / "ann.csv")
    for column in ("start", "end"):
        read[column] = pd.to_datetime(read[column], utc=True)
    pd.testing.assert_frame_equal(daily_totals(read), daily_totals(timeline))


def shifted(timeline, seconds):
    by = pd.Timedelta(seconds, "s")
    return timeline.assign(start=timeline["start"] + by, end=timeline["end"] + by)


def test_a_recording_may_begin_less_than_a_sample_before_the_last_one_ends():
    """As the next file of a device of 30 Hz whose segments have 50 Hz."""
    timeline = timeline_of("2024-06-01T00:00", [60], ["a"])
    following = shifted(timeline, seconds=3600 - 1 / 75)
    assert daily_totals(pd.concat([timeline, following]))["hours_a"].item() == pytest.approx(2)


TIMELINE = timeline_of("2024-06-01T00:00", [60, 60], "ab")
SHORT = timeline_of("2024-06-01T00:00", [0.05 / 60], "a")  # of 50 ms
SECOND = timeline_of("2024-06-01T00:00", [1 / 60], "a")


@pytest.mark.parametrize(
    ("timeline", "kwargs", "error", "message"),
    [
        ([1], {}, TypeError, "timeline is of type list"),
        (TIMELINE[["start", "label"]], {}, ValueError, "expected start and end"),
        (TIMELINE[["start", "end"]], {}, ValueError, "either label or value"),
        (TIMELINE[:0], {}, ValueError, "has no rows"),
        (TIMELINE.assign(end=TIMELINE["start"]), {}, ValueError, "2 rows do not end after"),
        (
            pd.concat([TIMELINE] * 2),
            {},
            ValueError,
            r"rows overlap .*people, .* subject='ann'\) doe",
        ),
        (
            pd.concat([TIMELINE.assign(subject="ann")] * 2),
            {},
            ValueError,
            "rows of subject 'ann' overlap in time, .*Leave out rows that are there twice",
        ),
        (
            pd.concat([TIMELINE, shifted(TIMELINE, seconds=7199.8)]),
            {},
            ValueError,
            "rows overlap in time, the first at 2024-06-01 01:59:59.800000",
        ),
        (
            pd.concat([SHORT, shifted(SHORT, seconds=0.02)]),
            {},
            ValueError,
            "rows overlap in time",
        ),
        (
            pd.concat([shifted(SECOND, seconds=0.9 * i) for i in range(5)]),
            {},
            ValueError,
            "rows overlap in time",
        ),
        (TIMELINE.assign(start="x"), {}, ValueError, r"'start' has dtype .*utc=True"),
        (
            TIMELINE.assign(start=TIMELINE["start"].dt.tz_localize(None)),
            {},
            ValueError,
            "expected times with a time zone",
        ),
        (TIMELINE.assign(wear="False"), {}, ValueError, "'wear' has the value 'False'"),
        (TIMELINE.assign(wear=[None, True]), {}, ValueError, "'wear' has the value None"),
        (TIMELINE.assign(subject=["ann", None]), {}, ValueError, "'subject' is missing in 1 rows"),
        (
            TIMELINE.assign(label=[1, "1"]),
            {},
            ValueError,
            "2 labels have the text '1': 1 of type int",
        ),
        (TIMELINE, {"tz": "Europe/Wien"}, ValueError, "tz='Europe/Wien' is not a known"),
        (TIMELINE, {"day_starts": "24:00"}, ValueError, "day_starts='24:00' is not a time of"),
        (TIMELINE, {"day_starts": "6"}, ValueError, "day_starts='6' is not a time of"),
        (TIMELINE, {"min_wear_hours": -1}, ValueError, "'min_wear_hours' parameter"),
    ],
)
def test_bad_parameters(timeline, kwargs, error, message):
    with pytest.raises(error, match=message):
        daily_totals(timeline, **kwargs)
