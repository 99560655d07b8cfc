"""Input that is refused, with a message that helps."""

import numpy as np
import pytest

from relcon_sklearn import segment_recordings

RATE = 50


def rest(n=500, n_channels=3):
    return np.full((n, n_channels), 1 / np.sqrt(n_channels))


def spoilt(value, rows, channel=1):
    signal = rest()
    signal[rows, channel] = value
    return signal


@pytest.mark.parametrize(
    ("recordings", "kwargs", "match"),
    [
        ([], {}, "recordings is an empty list"),
        (rest(0), {}, "recording 0 is empty"),
        ([rest(), rest(0)], {"short": "skip"}, "recording 1 is empty"),
        ([rest(), rest(n_channels=2)], {}, "recording 1 has 2 channels, but recording 0 has 3"),
        (rest()[None], {}, r"recording 0 has shape \(1, 500, 3\).*list of such arrays"),
        (np.zeros((500, 0)), {}, "recording 0 has no channels"),
        (np.array(["a", "b"]), {}, "recording 0 is an array of <U1; pass real numbers"),
        (rest().astype(complex), {}, "array of complex128"),
        (rest() > 0, {}, "array of bool"),
        (spoilt(np.nan, [70, 71, 300]), {}, "recording 0 has NaN in 3 of 500 samples.*sample 70"),
        (spoilt(np.nan, [70]), {}, "nan_policy='omit'"),
        (spoilt(np.inf, [80, 90]), {}, "recording 0 has infinite values, .* sample 80"),
        (spoilt(-np.inf, [80]), {"nan_policy": "omit"}, "infinite values, .* sample 80"),
        (rest(), {"overlap": 0.5, "stride": 1.0}, "overlap=0.5 say the same thing twice"),
        (rest(), {"overlap": 1.0}, "'overlap'"),
        (rest(), {"stride": 0.0}, "'stride'"),
        (rest(), {"window": 0}, "'window'"),
        (rest(), {"target_rate": -1.0}, "'target_rate'"),
        (rest(), {"purity": 1.2}, "'purity'"),
        (rest(), {"units": "ms2"}, "'units'"),
        (rest(), {"nan_policy": "drop"}, "'nan_policy'"),
        (rest(), {"short": "omit"}, "'short'"),
        (rest(), {"channels": "x"}, "'channels'"),
        (rest(), {"sampling_rate": 0}, "sampling_rate: 0 is no rate"),
        (rest(), {"sampling_rate": np.nan}, "sampling_rate: nan is no rate"),
        (rest(), {"sampling_rate": "50"}, "sampling_rate: '50' is no rate"),
        (rest(), {"sampling_rate": None}, "sampling_rate: None is no rate"),
        ([rest()] * 2, {"sampling_rate": [50, 50, 50]}, "one for each of the 2 .* not 3 of them"),
        ([rest()] * 2, {"sampling_rate": [50, 100]}, r"\(50 to 100 Hz\).*name it in target_rate"),
        ([rest()] * 2, {"subjects": ["a"]}, "subjects: pass one for each of the 2 recordings"),
        ([rest()] * 2, {"subjects": "ab"}, "subjects: pass one for each .*not 'ab'"),
        ([rest()] * 2, {"subjects": ["a", None]}, "subjects: recording 1 has None"),
        ([rest()] * 2, {"subjects": ["a", ""]}, "subjects: recording 1 has ''"),
        ([rest()] * 2, {"subjects": ["a", ["b"]]}, r"subjects: recording 1 has \['b'\]"),
        ([rest()] * 2, {"labels": ["a"]}, "labels: pass one for each of the 2 recordings"),
        ([rest()] * 2, {"labels": "a"}, "labels='a' names a column, but recording 0 is no"),
        ([rest()] * 2, {"labels": ["a", ["b"] * 7]}, r"recording 1: labels has shape \(7,\)"),
        ([rest()] * 2, {"timestamps": np.arange(500)}, "timestamps: pass one for each of the 2"),
    ],
)
def test_refused(recordings, kwargs, match):
    kwargs = {"sampling_rate": RATE, "units": "g"} | kwargs
    with pytest.raises(ValueError, match=match):
        segment_recordings(recordings, **kwargs)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_missing_samples_far_into_a_long_recording(dtype):
    signal = np.ones((2**20 + 500, 1), dtype=dtype)
    signal[2**20 + 100 : 2**20 + 103] = np.nan
    with pytest.raises(ValueError, match=f"3 of {len(signal)} samples, .* sample {2**20 + 100}"):
        segment_recordings(signal, RATE, units="g")
    signal[-1] = np.inf
    with pytest.raises(ValueError, match=f"infinite values, .* sample {len(signal) - 1}"):
        segment_recordings(signal, RATE, units="g")
    signal[-1] = 1
    segments = segment_recordings(signal, RATE, units="g", nan_policy="omit", window=1.0)
    assert segments.dropped["samples_nan"] == 3
    assert segments.start_times[-1] * RATE > 2**20 + 103
