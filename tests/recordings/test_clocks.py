"""Local times in which clocks were set back, and stamps with UTC offsets."""

import datetime

import numpy as np
import pytest

from relcon_sklearn import segment_recordings

pd = pytest.importorskip("pandas")

RATE = 2.0  # Hz, so that hours have few samples
ZONES = {"Europe/Vienna": "2024-10-26T23:10:00.3", "Australia/Lord_Howe": "2024-04-06T13:40:00.3"}
BACK = {"Europe/Vienna": "an hour", "Australia/Lord_Howe": "30 minutes"}


def recording(zone, hours=3.0, jump=0.0):
    """Return a frame with aware stamps, across the end of daylight saving; `jump` is in seconds."""
    n = round(hours * 3600 * RATE)
    index = pd.date_range(ZONES[zone], periods=n, freq="500ms", tz="UTC").tz_convert(zone)
    back = np.flatnonzero(np.diff(index.tz_localize(None).asi8) < 0)[0] + 1
    index = index + pd.to_timedelta(np.where(np.arange(n) < back, 0.0, jump), "s")
    signal = np.tile(np.float32([0.0, 0.6, 0.8]), (n, 1))
    return pd.DataFrame(signal, columns=list("xyz"), index=index), back


def segment(frame, **kwargs):
    return segment_recordings(frame, RATE, units="g", window=10.0, **kwargs)


def naive(frame):
    return frame.set_axis(frame.index.tz_localize(None))


@pytest.mark.parametrize("jump", [0.0, 0.2, 20.0])
@pytest.mark.parametrize("zone", ZONES)
def test_a_clock_set_back_is_not_called_a_wrong_order(zone, jump):
    frame, back = recording(zone, jump=jump)
    match = rf"steps back in time by about {BACK[zone]}: sample {back} .*daylight saving"
    with pytest.raises(ValueError, match=match) as error:
        segment(naive(frame))
    assert "sort_index" not in str(error.value)
    advice = f"frame.index.tz_localize('YOUR_ZONE', ambiguous=numpy.arange({len(frame)}) <"
    assert f"{advice} {back})" in str(error.value)
    # The advice, with the recording's zone, returns the right times.
    local = frame.index.tz_localize(None)
    advised = local.tz_localize(zone, ambiguous=np.arange(len(frame)) < back)
    np.testing.assert_array_equal(advised, frame.index)
    assert len(segment(frame.set_axis(advised)).X) > 1000


@pytest.mark.parametrize("kind", ["array", "epoch"])
def test_a_clock_set_back_in_timestamps_without_a_frame(kind):
    frame, _ = recording("Europe/Vienna")
    stamps = naive(frame).index.to_numpy().astype("datetime64[ns]")
    if kind == "epoch":
        stamps = stamps.astype(np.int64) / 1e9
    times = {"array": r"pandas\.DatetimeIndex\(timestamps\)", "epoch": "unit='s'"}[kind]
    with pytest.raises(ValueError, match=rf"daylight saving.*{times}.*ambiguous="):
        segment(frame.to_numpy(), timestamps=stamps)


def test_a_clock_set_back_in_stamps_that_were_called_utc():
    frame, _ = recording("Europe/Vienna")
    wrong = naive(frame).tz_localize("UTC")
    with pytest.raises(
        ValueError, match=r"frame\.index\.tz_localize\(None\)\.tz_localize\('YOUR_ZONE"
    ):
        segment(wrong)


@pytest.mark.parametrize("jump", [0.0, 0.2])
@pytest.mark.parametrize("hours", [2.9, 9.0])
@pytest.mark.parametrize("zone", ZONES)
def test_hours_mixed_by_sorting_are_refused(zone, hours, jump):
    """Equal stamps if ``jump=0``, else stamps at half the period."""
    frame, _ = recording(zone, hours, jump)
    with pytest.raises(ValueError, match=rf"about {BACK[zone]} .*daylight saving") as error:
        segment(naive(frame).sort_index())
    assert "tz_localize" in str(error.value)
    assert "ambiguous=" in str(error.value)
    assert "uplicate" not in str(error.value)
    # Equal stamps that are dropped leave one of two hours, which nothing shows.
    frame = naive(frame).sort_index()
    if jump:
        with pytest.raises(ValueError, match="daylight saving"):
            segment(frame[~frame.index.duplicated()])


def test_other_duplicates_and_wrong_orders_keep_their_advice():
    frame, _ = recording("Europe/Vienna")
    utc = naive(frame.tz_convert("UTC"))
    rows = np.arange(len(utc))
    twice = utc.iloc[np.sort(np.r_[rows, 1200:1250])]
    with pytest.raises(ValueError, match=r"duplicate timestamps.*Drop the duplicates"):
        segment(twice)
    with pytest.raises(ValueError, match=r"decreasing timestamps.*sort them by time"):
        segment(utc.iloc[np.r_[0:600, 1200:2400, 600:1200]])
    with pytest.raises(ValueError, match=r"decreasing timestamps.*sort them by time"):
        segment(utc.sample(frac=1.0, random_state=0))
    # Hours of several recordings that count from 0 are not clock times.
    seconds = np.tile(np.arange(7200) / RATE, 2)
    with pytest.raises(ValueError, match=r"decreasing timestamps.*pass a list of them") as error:
        segment(np.ones((14400, 3)), timestamps=seconds)
    assert "sort them" not in str(error.value)


@pytest.mark.parametrize("order", ["original", "sorted"])
@pytest.mark.parametrize("jump", [0.0, 0.2])
@pytest.mark.parametrize("off", [1, 2, 3, 5, 10, 33, 38, 50])  # minutes
def test_a_clock_set_back_while_the_device_was_off(off, jump, order):
    frame, back = recording("Europe/Vienna", jump=jump)
    half = round(off * 30 * RATE)
    frame = naive(frame.drop(frame.index[back - half : back + half]))
    frame = frame.sort_index() if order == "sorted" else frame
    with pytest.raises(ValueError, match="daylight saving") as error:
        segment(frame)
    assert "sort them" not in str(error.value)
    assert "Drop the duplicates" not in str(error.value)
    if order == "original":
        assert f"numpy.arange({len(frame)}) < {back - half})" in str(error.value)


def test_a_clock_corrected_by_seconds_is_not_called_local_time():
    frame = naive(recording("Europe/Vienna")[0].tz_convert("UTC"))
    late = np.arange(len(frame)) >= 1200
    frame.index = frame.index - pd.to_timedelta(np.where(late, 20.2, 0), "s")
    with pytest.raises(ValueError, match=r"Sorting would mix.*split the .* sample 1200") as error:
        segment(frame)
    assert "tz_localize" not in str(error.value)


@pytest.mark.parametrize("minutes", [2, 5, 25, 35, 58, 62, 70, 120])
def test_a_clock_set_back_by_any_time_is_not_sorted(minutes):
    frame = naive(recording("Europe/Vienna", hours=6.0)[0].tz_convert("UTC"))
    back = 3 * 7200
    late = np.arange(len(frame)) >= back
    frame.index = frame.index - pd.to_timedelta(np.where(late, minutes, 0), "min")
    with pytest.raises(ValueError, match=f"daylight saving.*split the .* sample {back}") as error:
        segment(frame)
    assert "sort them" not in str(error.value)
    with pytest.raises(ValueError, match="daylight saving") as error:
        segment(frame.sort_index())
    assert "Drop the duplicates" not in str(error.value)
    assert len(segment_recordings([frame[:back], frame[back:]], RATE, units="g", window=10).X)


@pytest.mark.parametrize("minutes", [30.5, 60.5])
def test_a_rate_that_is_half_the_true_one_is_not_called_daylight_saving(minutes):
    n = round(minutes * 60 * 2 * RATE)
    stamps = np.datetime64("2024-10-27T01:59:47") + np.arange(n) * np.timedelta64(250, "ms")
    with pytest.raises(ValueError, match="which is 4 Hz"):
        segment(np.ones((n, 3)), timestamps=stamps)


@pytest.mark.parametrize("minutes", [30.5, 60.5])
def test_a_wrong_rate_between_two_gaps_is_not_called_daylight_saving(minutes):
    """True 2.5 Hz: between the gaps is a crowded part as long as a change of clocks."""
    seconds = np.arange(4 * 3600 * 2.5) / 2.5
    gap = seconds // 40 == 60
    gap |= seconds // 40 == 60 + round(minutes * 60 // 40)
    stamps = np.datetime64("2024-10-27T01:00:00", "ms") + (seconds[~gap] * 1000).astype("m8[ms]")
    with pytest.raises(ValueError, match=r"which is 2\.5 Hz"):
        segment(np.ones((len(stamps), 3)), timestamps=stamps)


@pytest.mark.parametrize("how", ["index", "objects", "datetimes"])
def test_mixed_offsets_are_understood_as_utc(how):
    frame, _ = recording("Europe/Vienna", hours=2.0)
    expected = segment(frame)
    stamps = [pd.Timestamp(str(stamp)) for stamp in frame.index]  # with an offset, without a zone
    assert len({stamp.utcoffset() for stamp in stamps}) == 2
    if how == "index":
        actual = segment(frame.set_axis(pd.Index(stamps, dtype=object)))
    else:
        if how == "datetimes":
            stamps = [stamp.to_pydatetime() for stamp in stamps]
        actual = segment(frame.to_numpy(), timestamps=stamps)
    np.testing.assert_array_equal(actual.start_times, expected.start_times)
    np.testing.assert_array_equal(actual.hour_groups, expected.hour_groups)


def test_objects_with_and_without_offsets_are_refused():
    aware = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)
    stamps = [aware, *(aware.replace(tzinfo=None, second=s) for s in range(1, 60))]
    with pytest.raises(ValueError, match=r"dtype object.*utc=True"):
        segment(np.ones((60, 3)), timestamps=stamps)
    with pytest.raises(ValueError, match=r"DataFrame's index.*DatetimeIndex"):
        segment(pd.DataFrame(np.ones((60, 3)), index=pd.Index(stamps, dtype=object)))
