"""Recordings as actipy, scikit-digital-health and pygt3x return them."""

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


def test_pygt3x():
    frame = pd.DataFrame(SIGNAL, pd.Index(SECONDS, name="Timestamp"), list("XYZ"))
    check(segment_recordings(frame, 50, units="g", window=1))
    check(segment_recordings(frame, 50, units="g", window=1, time="Timestamp"))
    check(segment_recordings([frame, frame], 50, units="g", window=1), 2)
    assert frame.index.name == "Timestamp"


def test_pygt3x_with_idle_sleep_mode():
    """pygt3x repeats the last sample, and all repetitions of a second have the same time."""
    index = pd.Index(np.where(np.arange(1500) < 500, SECONDS, np.floor(SECONDS)), name="Timestamp")
    frame = pd.DataFrame(SIGNAL, index.sort_values(), list("XYZ"))
    with pytest.raises(ValueError, match="duplicate timestamps"):
        segment_recordings(frame, 50, units="g")


@pytest.mark.parametrize(
    "index",
    [
        pd.Index(SECONDS),  # "index" is no word for time
        pd.Index(SECONDS - SECONDS[0], name="Timestamp"),
        pd.Index(SECONDS[::-1], name="Timestamp"),
    ],
)
def test_other_indices_of_numbers_are_refused(index):
    frame = pd.DataFrame(SIGNAL, index, list("XYZ"))
    with pytest.raises(ValueError, match=r"DataFrame's index .* which are not dates"):
        segment_recordings(frame, 50, units="g", window=1)
