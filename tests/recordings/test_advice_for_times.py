"""Advice for times that do not increase is code that works for the times that were passed."""

import re

import numpy as np
import pytest

from relcon_sklearn import segment_recordings

pandas = pytest.importorskip("pandas")

RATE = 2.0  # Hz
UTC = pandas.date_range("2024-10-26T23:30:00", periods=3 * 7200, freq="500ms", tz="UTC")
LOCAL = UTC.tz_convert("Europe/Vienna").tz_localize(None)
BACK = 10800  # number of the first sample after the clock was set back
REGULAR = UTC[:600].tz_localize(None)
KINDS = {
    "dates": lambda times: times,
    "dates called UTC": lambda times: times.tz_localize("UTC"),
    "text": lambda times: pandas.Index([time.isoformat() for time in times], dtype=object),
    "text of AM and PM": lambda times: pandas.Index(times.strftime("%d.%m.%Y %I:%M:%S.%f %p")),
    "text of months": lambda times: pandas.Index(times.strftime("%d-%b-%Y %H:%M:%S.%f")),
    "text of digits": lambda times: pandas.Index(times.strftime("%Y%m%d%H%M%S.%f")),
    "text of MetaWear": lambda times: pandas.Index(times.strftime("%Y-%m-%dT%H.%M.%S.%f")),
    "digits": lambda times: times.strftime("%Y%m%d%H%M%S%f").str[:-3].astype("int64"),
    "text in UTC": lambda times: pandas.Index([f"{time.isoformat()}Z" for time in times]),
    "datetimes": lambda times: pandas.Index(times.to_pydatetime(), dtype=object),
    "datetimes called UTC": lambda times: pandas.Index(
        times.tz_localize("UTC").to_pydatetime(), dtype=object
    ),
    "epoch s": lambda times: pandas.Index(times.as_unit("ns").asi8 / 1e9),
    "epoch ms": lambda times: pandas.Index(times.as_unit("ms").asi8),
    "epoch ns": lambda times: pandas.Index(times.as_unit("ns").asi8),
}
OBJECTS = "datetimes called UTC"
CASES = [
    *(("index", kind) for kind in ("dates", "dates called UTC", OBJECTS)),
    *(("column", kind) for kind in KINDS),
    *(
        (place, kind)
        for place in ("array", "Series", "Index", "list", "frame and Series")
        for kind in ("dates", "dates called UTC", OBJECTS, "epoch s")
        if (place, kind) != ("array", "dates called UTC")
    ),
]


def recording_of(place, kind, times):
    """Return a recording, its keyword arguments, and the names that its advice uses."""
    times, signal = KINDS[kind](times), np.tile([0.0, 0.6, 0.8], (len(times), 1))
    frame = pandas.DataFrame(signal, columns=list("xyz"))
    if place == "index":
        frame = frame.set_axis(times)
        return frame, {}, {"frame": frame}
    if place == "column":
        frame["t 1"] = pandas.Series(times)
        return frame, {"time": "t 1"}, {"frame": frame}
    if place in ("Series", "frame and Series"):
        times = pandas.Series(times)
    elif place != "Index":
        times = list(times) if place == "list" and "dates" not in kind else times.to_numpy()
    recording = frame if "frame" in place else signal
    return recording, {"timestamps": times}, {"timestamps": times}


def error_of(place, kind, times):
    recording, kwargs, names = recording_of(place, kind, times)
    with pytest.raises(ValueError, match="recording 0") as error:
        segment(recording, **kwargs)
    return str(error.value), names


def segment(recording, **kwargs):
    return segment_recordings(recording, RATE, units="g", window=10.0, **kwargs)


def follow(code, names):
    """Return the recording after the advice in brackets, which may convert a column first."""
    names = {"pandas": pandas, "numpy": np, **names}
    *first, code = code.split(", then ")
    for statement in first:
        exec(statement, names)
    return eval(code, names)


@pytest.mark.parametrize(("place", "kind"), CASES)
def test_advice_for_duplicates(place, kind):
    times = REGULAR[np.sort([*range(600), 7, 100])]
    message, names = error_of(place, kind, times)
    assert "duplicate timestamps" in message
    code = re.search(r"duplicates \((.*?)\)\. If", message).group(1)
    if place in ("index", "column"):
        corrected = follow(code, names)
        assert len(corrected) == 600
        segment(corrected, time="t 1" if place == "column" else None)
    else:
        assert code == "numpy.unique(timestamps, return_index=True) returns the samples to keep"
        assert len(np.unique(names["timestamps"], return_index=True)[1]) == 600


@pytest.mark.parametrize(("place", "kind"), CASES)
def test_advice_for_a_wrong_order(place, kind):
    message, names = error_of(place, kind, REGULAR[np.r_[:300, 450:600, 300:450]])
    assert "decreasing timestamps" in message
    code = re.search(r"by time \((.*)\)\.$", message).group(1)
    if place in ("index", "column"):
        segment(follow(code, names), time="t 1" if place == "column" else None)
    else:
        order = follow(code.removeprefix("order = "), names)
        assert np.asarray(order).tolist() == [*range(300), *range(450, 600), *range(300, 450)]


@pytest.mark.parametrize(("place", "kind"), CASES)
def test_advice_for_a_clock_that_was_set_back(place, kind):
    message, names = error_of(place, kind, LOCAL)
    assert f"steps back in time by about an hour: sample {BACK}" in message
    code = re.search(r"timestamps with (.*\)), where YOUR_ZONE is", message).group(1)
    code = code.replace("YOUR_ZONE", "Europe/Vienna")
    assert (follow(code, names) == UTC).all()


@pytest.mark.parametrize(("place", "kind"), CASES)
def test_advice_for_hours_mixed_by_sorting(place, kind):
    message, names = error_of(place, kind, LOCAL.sort_values())
    code = re.search(r"timestamps with (.*\)), where first is", message).group(1)
    code = code.replace("YOUR_ZONE", "Europe/Vienna")
    assert len(follow(code, names | {"first": BACK})) == len(UTC)


@pytest.mark.parametrize("how", ["index", "timestamps", "column"])
def test_objects_with_offsets_have_a_time_zone_as_a_diary_has(how):
    times = UTC[:600].tz_convert("Europe/Vienna")
    place = {"index": "index", "timestamps": "list", "column": "column"}[how]
    recording, kwargs, _ = recording_of(place, "dates", times)
    objects = [pandas.Timestamp(str(time)) for time in times]
    objects[300:] = [time.tz_convert("UTC") for time in objects[300:]]
    if how == "index":
        recording = recording.set_axis(pandas.Index(objects, dtype=object))
    elif how == "column":
        recording["t 1"] = pandas.Series(objects, dtype=object)
    else:
        kwargs = {"timestamps": objects}
    diary = pandas.DataFrame({"start": [times[0]], "stop": [times[-1]], "label": ["walk"]})
    assert segment(recording, labels=diary, **kwargs).y.tolist() == ["walk"] * 30
    for column in ("start", "stop"):
        diary[column] = diary[column].dt.tz_localize(None)
    match = "recording 0 has dates with a time zone, but labels of recording 0 has dates without"
    with pytest.raises(ValueError, match=match):
        segment(recording, labels=diary, **kwargs)
