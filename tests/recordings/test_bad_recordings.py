"""Invalid recordings, and the error messages for them."""

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
        ((), {}, "recordings is an empty tuple"),
        ({}, {}, "recordings is an empty dict. Pass at least one recording"),
        ([rest(), {}], {}, "a recording is an empty dict. Leave it out"),
        (rest().tolist(), {}, r"list of 500 rows of 3 numbers.*numpy.asarray\(recording\)"),
        ({"ann": rest()}, {}, "is a dict with the keys 'ann'.*list.recordings.values"),
        ([{"ann": rest()}], {}, "is a dict with the keys 'ann'"),
        (segment_recordings(rest(), RATE, units="g"), {}, "recordings are Segments, which"),
        (rest(0), {}, "recording 0 is empty"),
        ([rest(), rest(0)], {"short": "skip"}, "recording 1 is empty"),
        ([rest(), rest(n_channels=2)], {}, "recording 1 has 2 channels, but recording 0 has 3"),
        (rest()[None], {}, r"recording 0 has shape \(1, 500, 3\).*list of such arrays"),
        (np.zeros((500, 0)), {}, "recording 0 has no channels"),
        (np.array(["a", "b"]), {}, "recording 0 has dtype <U1. Pass real numbers"),
        (rest().astype(complex), {}, "has dtype complex128"),
        (rest() > 0, {}, "has dtype bool"),
        (spoilt(np.nan, [70, 71, 300]), {}, "recording 0 has NaN in 3 of 500 samples.*sample 70"),
        (spoilt(np.nan, [70]), {}, "nan_policy='omit'"),
        (spoilt(np.inf, [80, 90]), {}, "recording 0 has infinite values, .* sample 80"),
        (spoilt(-np.inf, [80]), {"nan_policy": "omit"}, "infinite values, .* sample 80"),
        (rest(), {"overlap": 0.5, "stride": 1.0}, "overlap=0.5 cannot be used together"),
        (rest(), {"overlap": 1.0}, "'overlap'"),
        (rest(), {"stride": 0.0}, "'stride'"),
        (rest(), {"window": 0}, "'window'"),
        (rest(), {"target_rate": -1.0}, "'target_rate'"),
        (rest(), {"purity": 1.2}, "'purity'"),
        (rest(), {"units": "ms2"}, "'units'"),
        (rest(), {"nan_policy": "drop"}, "'nan_policy'"),
        (rest(), {"short": "omit"}, "'short'"),
        (rest(), {"channels": "x"}, "'channels'"),
        (rest(), {"sampling_rate": 0}, "sampling_rate has 0, which is not a valid rate"),
        (rest(), {"sampling_rate": np.nan}, "sampling_rate has nan, which is not a valid rate"),
        (rest(), {"sampling_rate": "50"}, "sampling_rate has '50', which is not a valid rate"),
        (rest(), {"sampling_rate": None}, "sampling_rate is None, and recording 0 does not"),
        (rest(), {"sampling_rate": True}, "sampling_rate has True, which is not a valid rate"),
        ([rest()] * 2, {"sampling_rate": [50] * 3}, "one value for each of the 2 .*Got 3 values"),
        ([rest()] * 2, {"sampling_rate": [50, 100]}, r"\(50 to 100 Hz\).*Pass it in target_rate"),
        ([rest()] * 2, {"subjects": ["a"]}, "subjects must have one value for each of the 2 rec"),
        ([rest()] * 2, {"subjects": "ab"}, "subjects must have one value for each .*Got 'ab'"),
        ([rest()] * 2, {"subjects": ["a", None]}, "subjects has None for recording 1"),
        ([rest()] * 2, {"subjects": ["a", ""]}, "subjects has '' for recording 1"),
        ([rest()] * 2, {"subjects": ["a", ["b"]]}, r"subjects has \['b'\] for recording 1"),
        ([rest()] * 2, {"subjects": [1, "a"]}, "subjects has several types: 1 would become '1'"),
        ([rest()] * 2, {"labels": ["a"]}, "labels must have one value for each of the 2 rec"),
        ([rest()] * 2, {"labels": "a"}, "labels='a' names a column, but recording 0 is not"),
        ([rest()] * 2, {"labels": ["a", ["b"] * 7]}, r"recording 1: labels has shape \(7,\)"),
        ([rest()] * 2, {"timestamps": np.arange(500)}, "timestamps must have one value for each"),
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
