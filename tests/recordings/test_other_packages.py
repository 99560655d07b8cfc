"""Recordings as actipy, scikit-digital-health and pygt3x return them."""

import logging
from pathlib import Path

import numpy as np
import pytest

from relcon_sklearn import segment_recordings

pd = pytest.importorskip("pandas")

RNG = np.random.default_rng(0)
SIGNAL = np.array([0.0, 0.6, 0.8]) + 0.1 * RNG.normal(size=(1500, 3))
SECONDS = 1709676000.5 + np.arange(1500) / 50
START = np.datetime64("2024-03-05T22:00:00.500")

EXPECTED = segment_recordings(SIGNAL, 50, units="g", window=1).X


def actipy(**info):
    index = pd.DatetimeIndex(pd.to_datetime(np.rint(SECONDS * 1e3), unit="ms"), name="time")
    frame = pd.DataFrame(SIGNAL, index, list("xyz")).assign(temperature=20.0, light=300.0)
    return frame, {"Device": "Axivity", "SampleRate": 50.0, "ReadOK": 1} | info


def skdh(**more):
    return {"accel": SIGNAL, "time": SECONDS, "fs": 50.0, "gyro": SIGNAL, "file": "a.cwa"} | more


def check(segments, n=1):
    np.testing.assert_array_equal(segments.X, np.concatenate([EXPECTED] * n))
    assert segments.start_times[0] == START


@pytest.mark.parametrize("recording", [actipy(), skdh()])
def test_one_recording_or_a_list(recording):
    check(segment_recordings(recording, window=1))
    check(segment_recordings([recording, recording], window=1), 2)
    check(segment_recordings((recording, recording), window=1), 2)


def test_actipy_after_resampling():
    frame, info = actipy(SampleRate=100.0, ResampleRate=50)
    check(segment_recordings((frame, info), window=1))
    assert frame.attrs == {}


@pytest.mark.parametrize("fs", [None, ...])
def test_skdh_without_a_rate(fs):
    recording = skdh(fs=fs)
    if fs is ...:
        del recording["fs"]
    with pytest.raises(ValueError, match="sampling_rate is None"):
        segment_recordings(recording)
    check(segment_recordings(recording, 50, window=1))


def pygt3x(idle=False, seconds=SECONDS):
    frame = pd.DataFrame(SIGNAL, pd.Index(seconds, name="Timestamp"), list("XYZ"))
    return frame.assign(IdleSleepMode=idle)


def test_pygt3x():
    frame = pygt3x()
    check(segment_recordings(frame, 50, units="g", window=1))
    check(segment_recordings(frame, 50, units="g", window=1, time="Timestamp"))
    check(segment_recordings([frame, frame], 50, units="g", window=1), 2)
    assert frame.index.dtype.kind == "f"


def test_pygt3x_with_idle_sleep_mode(caplog):
    """pygt3x repeats the last sample, which the device did not take."""
    frame = pygt3x(idle=(np.arange(len(SIGNAL)) >= 500) & (np.arange(len(SIGNAL)) < 700))
    with caplog.at_level(logging.INFO, "relcon_sklearn"):
        segments = segment_recordings(frame, 50, units="g", window=1)
    np.testing.assert_array_equal(segments.X, np.delete(EXPECTED, slice(10, 14), axis=0))
    assert segments.start_times[10] - segments.start_times[9] == np.timedelta64(5, "s")
    assert "200 samples of idle sleep mode were left out" in caplog.text
    with pytest.raises(ValueError, match="recording 0 is empty"):
        segment_recordings(pygt3x(idle=True), 50, units="g")


def test_pygt3x_with_wrong_times():
    """Those of files of the old layout are a hundredth of the ticks since the year 1."""
    frame = pygt3x(seconds=SECONDS - SECONDS[0] + 637755981.0)
    with pytest.raises(ValueError, match=r"DataFrame's index 'Timestamp' .* which are not dates"):
        segment_recordings(frame, 50, units="g", window=1)
    segments = segment_recordings(frame.reset_index(drop=True), 50, units="g", window=1)
    np.testing.assert_array_equal(segments.X, EXPECTED)


@pytest.mark.parametrize("paths", ["a.cwa", Path("a.cwa"), [SIGNAL, "a.cwa"]])
def test_paths_are_no_recordings(paths):
    with pytest.raises(ValueError, match=r"has the path 'a.cwa'. Pass relcon.*read_recording\(pa"):
        segment_recordings(paths, 50, units="g")
