"""Values that stand for missing ones, such as -999, are refused."""

import warnings

import numpy as np
import pytest

from relcon_sklearn import segment_recordings
from relcon_sklearn._recordings import _missing, _rows
from relcon_sklearn._recordings._compact import SignalInParts
from relcon_sklearn._recordings._missing import find_missing
from relcon_sklearn._recordings._sentinels import check_sentinels
from relcon_sklearn._recordings._units import UNITS
from tests.support.device_files import motion

RATE, N = 50, 600
G = motion(N)


@pytest.fixture(params=[70, 2**20])
def at_once(request, monkeypatch):
    monkeypatch.setattr(_missing, "_BLOCK_SAMPLES", request.param)
    monkeypatch.setattr(_rows, "_ROWS_AT_ONCE", request.param)


def with_value(value, rows, axes=(0, 1, 2), units="g", dtype=np.float64):
    """Return a recording with a value in some rows, in its units."""
    signal = G / UNITS[units]
    signal[np.ix_(rows, axes)] = value
    return signal.astype(dtype)


def segment(signal, units="g", **kwargs):
    return segment_recordings(signal, RATE, units=units, window=1, **kwargs)


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize(
    ("value", "units"),
    [(-999, "g"), (9999, "g"), (99, "g"), (-999, "m/s^2"), (9999, "m/s^2"), (-32768, "mg")],
)
@pytest.mark.parametrize("axes", [(0, 1, 2), (1,)])
@pytest.mark.parametrize("dtype", ["float64", "float32", ">f4"])
def test_values_that_stand_for_missing_ones(value, units, axes, dtype):
    signal = with_value(value, [17, 90, 91, 400, 500], axes, units, dtype)
    with pytest.raises(ValueError, match="stands for missing values") as error:
        segment(signal, units)
    assert f"5 of 600 samples have an acceleration of {value}.0 {units}" in str(error.value)
    assert "samples 17, 90, 91 and 2 more." in str(error.value)
    # What the error advises.
    marked = np.where(signal == value, np.nan, signal)
    assert segment(marked, units, nan_policy="omit").dropped["samples_nan"] == 5
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what is left out
        assert len(segment(signal, units, gravity=False).X) == 12


def test_counts_of_int16():
    signal = with_value(-32768, [3, 4], units="mg", dtype=np.int16)
    with pytest.raises(ValueError, match=r"of -32768 mg \(-32.77 g\) on an axis.*samples 3, 4\."):
        segment(signal, "mg")


@pytest.mark.parametrize("share", [0.05, 0.6, 0.95])
def test_many_missing_values(share):
    """They would pass for another unit: -999 as mg is 1 g."""
    rows = np.arange(int(share * N))
    with pytest.raises(
        ValueError, match=f"{len(rows)} of 600 samples have an acceleration of -999"
    ):
        segment(with_value(-999, rows))


def test_missing_values_are_no_nonwear():
    """A device that does not move has the same value all the time."""
    signal = np.concatenate([np.full((3 * 60 * RATE, 3), -999.0), G])
    with pytest.raises(ValueError, match="9000 of 9600 samples have an acceleration of -999"):
        segment(signal, nonwear=2)


def test_missing_values_beside_zeros_of_idle_sleep_mode():
    signal = np.concatenate([with_value(-999, [7, 8]), np.zeros((5 * N, 3))])
    with pytest.raises(ValueError, match="2 of 3600 samples have an acceleration of -999"):
        segment(signal)


@pytest.mark.parametrize(("value", "refused"), [(399.0, False), (-401.0, True), (5000.0, True)])
def test_a_value_that_is_there_once(value, refused):
    signal = with_value(value, [17], [2])
    if refused:
        with pytest.raises(ValueError, match=f"1 of 600 samples have an acceleration of {value} g"):
            segment(signal)
    else:
        assert len(segment(signal).X) == 12


@pytest.mark.parametrize("value", [-32.0, 16.0])
def test_the_largest_value_of_a_device_may_repeat(value):
    assert len(segment(with_value(value, [17, 18, 19], [0])).X) == 12


def impacts(peaks, largest):
    """Return a recording in steps of 49 mg of impacts, which end at the largest value."""
    signal = G.copy()
    for i, peak in enumerate(peaks):
        signal[20 * i + 10 : 20 * i + 15, 2] = peak * np.array([0.35, 0.6, 1, 0.7, 0.1])
    return np.clip(np.rint(signal / 0.049) * 0.049, -largest, largest)


def test_equal_peaks_are_measured():
    """Of a device with a range of 200 g: two of 44.1 g."""
    signal = impacts([44.1, 12.3, 44.1], 200)
    assert np.sum(signal == 900 * 0.049) == 2
    assert len(segment(signal).X) == 12


@pytest.mark.parametrize(("largest", "peak"), [(200, 350), (-200, 350), (64, 110), (32.6, 50)])
def test_peaks_that_end_at_the_range_of_a_device_are_measured(largest, peak):
    signal = np.sign(largest) * impacts([peak] * 20, abs(largest))
    values, counts = np.unique(signal[abs(signal) > 32], return_counts=True)
    assert values[counts.argmax()] == largest
    assert counts.max() >= max(20, counts.sum() / 3)
    assert len(segment(signal).X) == 12


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("missing", [False, True])
def test_a_large_value_is_far_from_all_others(missing):
    signal = with_value(99.0, [17, 18, 19, 20, 21], [0])
    signal[100, 1] = -49.0
    signal[200, 2] = np.nan if missing else 0
    for rows in ([], [17]):  # without one of five
        part = np.delete(signal, rows, axis=0)
        if rows:
            assert len(segment(part, nan_policy="omit").X) > 9
        else:
            with pytest.raises(ValueError, match="5 of 600 samples have an acceleration of 99"):
                segment(part, nan_policy="omit")
    signal[101, 1] = -51.0
    assert len(segment(signal, nan_policy="omit").X) > 9


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("other", [0.0, 60.0])
def test_of_signals_of_devices(other):
    """They are read by rows, and are no arrays."""
    counts = np.rint(with_value(99.0, range(100, 105), [1]) * 256).astype(int)
    counts[7, 0] += other * 256
    compact = SignalInParts(N)
    assert compact.append(counts / 256, counts)
    large = np.flatnonzero((np.abs(counts) > 32 * 256).any(axis=1))
    given = compact.join(), large, large[:0], [[0, 1, 2]], "g", "a.cwa"
    if other:
        check_sentinels(*given)
    else:
        with pytest.raises(ValueError, match=r"a.cwa: 5 of 600 .* samples 100, 101, 102 and 2"):
            check_sentinels(*given)


PLACES = [17, 90, 91, 400, 500]


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize(
    ("value", "units"), [(-9.99, "g"), (9.999, "g"), (-16, "g"), (-9999, "mg"), (-99.99, "m/s^2")]
)
@pytest.mark.parametrize("dtype", ["float64", "float32", ">f4"])
@pytest.mark.parametrize("rows", [PLACES, range(580, 590), range(550)])
@pytest.mark.filterwarnings("ignore:More than half of")
def test_small_values_on_all_axes_at_once(value, units, dtype, rows):
    signal = with_value(value, rows, units=units, dtype=dtype)
    shown = np.dtype(dtype).type(value)
    with pytest.raises(ValueError, match="on all axes at once, while all others are at") as error:
        segment(signal, units)
    assert f"{len(rows)} of 600 samples have an acceleration of {shown} {units}" in str(error.value)
    marked = np.where(signal == shown, np.nan, signal)  # what the error advises
    assert segment(marked, units, nan_policy="omit").dropped["samples_nan"] == len(rows)


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize(
    ("value", "rows", "axes", "others"),
    [
        (-9.99, PLACES[:4], (0, 1, 2), {}),  # too few
        (-9.99, PLACES, (0, 1), {}),
        (-1.0, PLACES, (0, 1, 2), {}),
        (0.0, PLACES, (0, 1, 2), {}),
        (-8.0, PLACES, (0, 1, 2), {(300, 1): -8.0}),  # the range of a device ends peaks of one axis
        (8.0, PLACES, (0, 1, 2), {(300, 1): -8.0}),
        (8.0, PLACES, (0, 1, 2), {(300, 1): 4.5}),
    ],
)
def test_small_values_that_may_be_measured(value, rows, axes, others):
    signal = with_value(value, rows, axes)
    for place, other in others.items():
        signal[place] = other
    assert len(segment(signal).X) == 12


@pytest.mark.parametrize("largest", [2, 8, 16])
def test_peaks_of_all_axes_that_end_at_the_range_of_a_device_are_measured(largest):
    rng = np.random.default_rng(0)
    signal = G + rng.normal(size=(N, 1)) * (rng.random((N, 1)) > 0.8) * 2 * largest
    signal = np.clip(signal, -largest, largest)
    assert (np.abs(signal) == largest).all(axis=1).sum() > 20
    assert len(segment(signal).X) == 12


@pytest.mark.usefixtures("at_once")
def test_small_values_beside_missing_ones_and_other_channels():
    signal = np.hstack([with_value(-9.99, PLACES), np.full((N, 1), 999.0)])
    signal[20] = np.nan
    with pytest.raises(ValueError, match=r"5 of 600 .* -9.99 g on all axes.* 17, 90, 91 and 2"):
        segment(signal, nan_policy="omit")
    assert len(segment(signal, nan_policy="omit", gravity=False).X) > 9


@pytest.mark.parametrize(("units", "wrong"), [("mg", "g"), ("m/s^2", "g"), ("mg", "m/s^2")])
def test_wrong_units_are_no_missing_values(units, wrong):
    """Counts repeat too."""
    signal = np.rint(8 * G / UNITS[units]) / 8
    with pytest.raises(ValueError, match=r"with units='.*' the median magnitude is"):
        segment(signal, wrong)


def test_other_channels_may_have_any_value():
    signal = np.hstack([G, np.full((N, 1), 999.0)])
    assert segment(signal).X.shape == (12, 50, 4)
    signal[[3, 4], 0] = -999
    with pytest.raises(ValueError, match=r"2 of 600 .*samples 3, 4\."):
        segment(signal)
    assert len(segment(np.full(N, 999.0)).X) == 12  # of one channel, which may be anything


def test_of_several_accelerometers_each_is_checked():
    pd = pytest.importorskip("pandas")
    names = [f"{place}_acc_{axis}" for place in ("wrist", "hip") for axis in "xyz"]
    frame = pd.DataFrame(np.hstack([G, with_value(-999, [8, 9])]), columns=names)
    with pytest.raises(ValueError, match=r"2 of 600 .*samples 8, 9\."):
        segment(frame, channels=names)
    marked = frame.replace(-999.0, np.nan)  # what the error advises
    assert segment(marked, channels=names, nan_policy="omit").dropped["samples_nan"] == 2


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int16", "uint8", ">f4"])
def test_what_is_found_in_one_pass(dtype):
    """Against a mask of all values."""
    rng = np.random.default_rng(0)
    signal = rng.integers(0, 50, (N, 4)).astype(dtype)
    if signal.dtype.kind == "f":
        signal[rng.integers(0, N, 9), rng.integers(0, 4, 9)] = np.nan
    found = find_missing(signal, "omit", "a", [[0, 1, 3]], 46.0)
    values = signal.astype(np.float64)
    assert not len(found.equal)
    assert found.missing.tolist() == np.flatnonzero(np.isnan(values).any(axis=1)).tolist()
    large = (np.abs(values[:, [0, 1, 3]]) > 46).any(axis=1)
    assert found.large.tolist() == np.flatnonzero(large).tolist()
