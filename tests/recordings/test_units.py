"""Units are named, never guessed, and checked against gravity."""

import numpy as np
import pytest

from relcon_sklearn import segment_recordings
from relcon_sklearn._recordings._units import UNITS, median_magnitude


def still(magnitude, n=300):
    """Return signals of a device at rest, not aligned with an axis."""
    return np.tile(magnitude * np.array([2.0, 3.0, 6.0]) / 7, (n, 1))


@pytest.mark.parametrize(
    ("units", "one_g"),
    [("g", 1.0), ("mg", 1000.0), ("m/s^2", 9.80665), ("m/s2", 9.80665), ("m/s**2", 9.80665)],
)
def test_all_units_become_g(units, one_g):
    X = segment_recordings(still(one_g), 100, units=units).X
    np.testing.assert_allclose(np.linalg.norm(X, axis=2), 1, rtol=1e-6)
    assert set(UNITS) == {"g", "mg", "m/s^2", "m/s2", "m/s**2"}


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int16", "int32", ">f4", ">i2"])
def test_any_real_dtype(dtype):
    signal = still(7000.0).astype(dtype)
    X = segment_recordings(signal, 100, units="mg", gravity=False, target_rate=50).X
    assert X.dtype == np.float32
    np.testing.assert_allclose(X, signal[0] / 1000 * np.ones_like(X), rtol=1e-3)


@pytest.mark.parametrize(("magnitude", "hint"), [(1.02, "g"), (9.7, "m/s^2"), (990, "mg")])
def test_units_are_not_guessed_but_hinted_at(magnitude, hint):
    with pytest.raises(ValueError, match="units is None") as error:
        segment_recordings(still(magnitude), 100)
    assert f"{magnitude:.4g}" in str(error.value)
    assert f"hints at '{hint}'" in str(error.value)


def test_no_hint_if_no_unit_fits():
    with pytest.raises(ValueError, match="units is None") as error:
        segment_recordings(still(50.0), 100)
    assert "hints" not in str(error.value)


@pytest.mark.parametrize(
    ("magnitude", "units", "other"), [(9.81, "g", "1 g"), (1.0, "m/s^2", "1 g"), (1.0, "mg", "1 g")]
)
def test_wrong_units_are_found(magnitude, units, other):
    recordings = [still(1 / UNITS[units]), still(magnitude)]
    with pytest.raises(ValueError, match=r"recording 1 \(subject bob\).*gravity=False") as error:
        segment_recordings(recordings, 100, units=units, subjects=["ann", "bob"])
    assert f"{magnitude * UNITS[units]:.3g} g" in str(error.value)
    assert other in str(error.value)
    segment_recordings(recordings, 100, units=units, gravity=False)


@pytest.mark.parametrize(
    ("magnitude", "fine"), [(0.33, False), (0.34, True), (2.99, True), (3.01, False)]
)
def test_range_of_plausible_magnitudes(magnitude, fine):
    if fine:
        segment_recordings(still(magnitude), 100, units="g")
    else:
        with pytest.raises(ValueError, match=r"0\.33 to 3 g"):
            segment_recordings(still(magnitude), 100, units="g")


def test_fewer_than_three_channels_are_not_checked():
    for n_channels in (1, 2):
        assert segment_recordings(np.zeros((300, n_channels)), 100, units="g").X.shape[2] == (
            n_channels
        )


def test_median_magnitude():
    rng = np.random.default_rng(0)
    signal = rng.normal(size=(501, 3))
    expected = np.median([np.sqrt((row**2).sum()) for row in signal])
    np.testing.assert_allclose(median_magnitude(signal), expected)
    signal[::2] = np.nan
    expected = np.median([np.sqrt((row**2).sum()) for row in signal[1::2]])
    np.testing.assert_allclose(median_magnitude(signal), expected)
    assert np.isnan(median_magnitude(np.full((5, 3), np.nan)))


def test_median_magnitude_of_a_long_recording_is_about_right():
    rng = np.random.default_rng(0)
    signal = rng.normal(size=(450_000, 1)).astype(np.float32)
    np.testing.assert_allclose(median_magnitude(signal), np.median(np.abs(signal)), rtol=0.02)


def with_idle_sleep(n_worn, n_asleep, magnitude=1.0):
    """Return a signal at 4 Hz that ends with zeros, as ActiGraph's idle sleep mode writes them."""
    noise = 0.2 * magnitude * np.random.default_rng(0).standard_normal((n_worn, 3))
    return np.concatenate([still(magnitude, n_worn) + noise, np.zeros((n_asleep, 3))])


@pytest.mark.filterwarnings("ignore:More than half of")
@pytest.mark.parametrize("share", [0.4, 0.6, 0.9])
def test_zeros_that_nonwear_removes_are_not_taken_for_wrong_units(share):
    n_asleep = round(4 * 3600 * 4 * share)
    signal = with_idle_sleep(4 * 3600 * 4 - n_asleep, n_asleep)
    segments = segment_recordings(signal, 4, units="g", window=10, nonwear=60)
    assert segments.dropped["seconds_nonwear"] == n_asleep / 4
    # Another recording may be all zeros.
    both = [signal, np.zeros((20_000, 3))]
    assert len(segment_recordings(both, 4, units="g", window=10, nonwear=60).X) == len(segments.X)


def test_single_zeros_are_refused():
    signal = with_idle_sleep(4000, 0) * (np.arange(4000) % 5 < 2)[:, None]
    match = (
        r"recording 0: 60% of its samples have an acceleration of 0.*not from idle sleep.*with NaN"
    )
    with pytest.raises(ValueError, match=match):
        segment_recordings(signal, 4, units="g", window=10)
    segment_recordings(signal, 4, units="g", window=10, gravity=False)


@pytest.mark.parametrize(("magnitude", "units"), [(1.0, "mg"), (9.8, "g"), (1.0, "m/s^2")])
@pytest.mark.parametrize("n_asleep", [0, 30_000])
def test_wrong_units_are_found_if_nonwear_removes_most(magnitude, units, n_asleep):
    """In mg, a signal in g never seems to move."""
    signal = with_idle_sleep(20_000, n_asleep, magnitude)
    with pytest.raises(ValueError, match=rf"with units='{units.replace('^', '.')}' the median mag"):
        segment_recordings(signal, 4, units=units, window=10, nonwear=60)
