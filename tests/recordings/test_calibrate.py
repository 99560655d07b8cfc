"""calibrate, and the warning of segment_recordings for devices that are not calibrated."""

import sys
import warnings

import numpy as np
import pytest

from relcon_sklearn import segment_recordings
from relcon_sklearn._recordings._still import still_means
from relcon_sklearn.recordings import calibrate

RATE = 4  # Hz, so that hours have few samples
GAIN, OFFSET = np.array([1.12, 1, 0.95]), np.array([0, 0.05, -0.02])


def lying(n_orientations=200, minutes=4, seed=0):
    """Return acceleration in g of a device that lies in some orientations, one after the other."""
    rng = np.random.default_rng(seed)
    directions = rng.normal(size=(n_orientations, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    g = directions.repeat(minutes * 60 * RATE, axis=0)
    return g + rng.normal(scale=0.002, size=g.shape)


def frame_of(g, scale=1.0, **attrs):
    pd = pytest.importorskip("pandas")
    dates = pd.date_range("2024-03-05", periods=len(g), freq="250ms")
    frame = pd.DataFrame(scale * g, dates, ["x", "y", "z"]).assign(light=0.0)
    frame.attrs = {"units": "g", "sampling_rate": RATE, "channels": ["x", "y", "z"]} | attrs
    return frame


# ---------------------------------------------------------------- the warning


@pytest.mark.parametrize(("gain", "offset"), [([1.12, 1, 1], 0), (1.06, 0), (1, [0, 0.1, 0])])
def test_a_wrong_gain_or_offset_gives_a_warning(gain, offset):
    right = lying(40, minutes=1)
    wrong = gain * right + offset
    with pytest.warns(UserWarning, match="Still stretches differ from 1 g in recording 1: a quart"):
        segment_recordings([right, wrong], RATE, units="g")
    with pytest.warns(UserWarning, match="in 2 of 3 recordings, most in recording 1: a quarter"):
        segment_recordings([wrong, 1.2 * wrong, right], RATE, units="g")
    with pytest.warns(UserWarning, match="Still stretches differ from 1 g in recording 0"):
        segment_recordings(9.80665 * wrong, RATE, units="m/s^2")


def test_what_gives_no_warning():
    wrong = 1.2 * lying(3)
    short, lively = wrong[: 50 * RATE], wrong + np.random.default_rng(0).normal(0, 0.1, wrong.shape)
    zeros = np.where(np.arange(len(wrong))[:, None] < len(wrong) // 3, 0.0, lying(3))
    for recording in (short, lively, zeros, 1.04 * lying(3), lying(3)[:, :2]):
        segment_recordings(recording, RATE, units="g")
    segment_recordings(wrong, RATE, units="g", gravity=False)
    segment_recordings(frame_of(wrong, calibration="by hand"))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Still stretches differ")
        segment_recordings(wrong, RATE, units="g")


def test_still_means_are_those_of_blocks_that_are_still():
    g = lying(5, minutes=1)
    g[240:480] += np.random.default_rng(1).normal(0, 0.1, (240, 3))
    g[500] = np.nan
    means = still_means(g, RATE, [0, 1, 2], 1.0)
    blocks = g.reshape(-1, 40, 3)
    expected = np.delete(blocks.mean(axis=1), [*range(6, 12), 12], axis=0)
    np.testing.assert_allclose(means, expected)
    few = still_means(g, RATE, [2, 0, 1], 1.0, most=3)
    np.testing.assert_allclose(few, blocks.mean(axis=1)[[0, 14, 29]][:, [2, 0, 1]])


# ---------------------------------------------------------------- calibrate


@pytest.mark.parametrize("units", ["g", "mg"])
def test_calibrate_finds_gain_and_offset(units):
    pytest.importorskip("skdh")
    true = lying()
    scale = {"g": 1, "mg": 1000}[units]
    recording = frame_of(GAIN * true + OFFSET, scale, units=units)
    calibrated = calibrate(recording)
    found = calibrated.attrs["calibration"]
    np.testing.assert_allclose(found["gain"], 1 / GAIN, atol=1e-3)
    np.testing.assert_allclose(found["offset"], -OFFSET, atol=1e-3)
    assert found["error_before"] > 50 > 1 > found["error_after"]
    np.testing.assert_allclose(calibrated[["x", "y", "z"]] / scale, true, atol=2e-3)
    assert calibrated["light"].equals(recording["light"])
    assert "calibration" not in recording.attrs
    segment_recordings(calibrated)


def test_samples_that_are_nan_do_not_count():
    pytest.importorskip("skdh")
    g = GAIN * lying() + OFFSET
    g[5000:20_000] = np.nan
    calibrated = calibrate(frame_of(g))
    found = calibrated.attrs["calibration"]
    np.testing.assert_allclose(found["gain"], 1 / GAIN, atol=2e-3)
    np.testing.assert_allclose(found["offset"], -OFFSET, atol=2e-3)
    assert calibrated["x"].isna().sum() == 15_000
    with pytest.raises(ValueError, match=r"has 10.2 h of samples"):
        calibrate(frame_of(np.where(np.arange(len(g))[:, None] < 161_280, g, np.nan)))


def test_recordings_that_cannot_be_calibrated():
    pytest.importorskip("skdh")
    with pytest.raises(ValueError, match=r"has 11.9 h of samples. Calibration needs 12 h"):
        calibrate(frame_of(lying(179)))
    upright = np.abs(lying()) * [1, 1, -1]
    with pytest.raises(ValueError, match=r"orientations: x from 0.00 to 1.00 g, y from .*, z from"):
        calibrate(frame_of(upright))
    with pytest.raises(ValueError, match="has no still stretches"):
        calibrate(frame_of(lying() + np.random.default_rng(0).normal(0, 0.1, (192_000, 3))))
    bent = lying()
    with pytest.raises(ValueError, match="Calibration failed: still stretches differ from 1 g by"):
        calibrate(frame_of(bent * np.where(bent[:, :1] > 0.2, 1.3, 1)))


def test_calibrating_twice_is_refused():
    pytest.importorskip("skdh")
    calibrated = calibrate(frame_of(GAIN * lying() + OFFSET))
    with pytest.raises(ValueError, match=r"is calibrated already, see its attrs\['calibration'\]"):
        calibrate(calibrated)


@pytest.mark.parametrize(("scale", "seen"), [(9.80665, "10.1 g"), (1000, "1.03e.03 g")])
def test_data_in_another_unit_are_not_calibrated(scale, seen):
    """The error was that there are no still stretches, or not enough orientations."""
    pytest.importorskip("skdh")
    recording = frame_of(GAIN * lying() + OFFSET, scale)
    with pytest.raises(ValueError, match=rf"attrs\['units'\] = 'g', but then .* {seen}"):
        calibrate(recording)


def with_idle_sleep(asleep, n_awake=1000, n_asleep=300):
    """Return a recording whose device sleeps again and again, and which of its samples are asleep.

    `asleep` is what the file has then: "zeros", or "last" for the last value before.
    """
    parts = np.split(GAIN * lying() + OFFSET, 192)
    assert len(parts[0]) == n_awake
    filled = [{"zeros": 0 * part[:1], "last": part[-1:]}[asleep] for part in parts]
    pairs = zip(parts, filled, strict=True)
    g = np.concatenate([np.r_[part, fill.repeat(n_asleep, axis=0)] for part, fill in pairs])
    return g, np.tile(np.arange(n_awake + n_asleep) >= n_awake, len(parts))


@pytest.mark.parametrize("asleep", ["zeros", "last"])
@pytest.mark.parametrize("units", ["g", "mg"])
def test_idle_sleep_mode(asleep, units):
    pytest.importorskip("skdh")
    g, idle = with_idle_sleep(asleep)
    recording = frame_of(g, {"g": 1, "mg": 1000}[units], units=units)
    calibrated = calibrate(recording)
    found = calibrated.attrs["calibration"]
    np.testing.assert_allclose(found["gain"], 1 / GAIN, atol=2e-3)
    np.testing.assert_allclose(found["offset"], -OFFSET, atol=2e-3)
    assert found["error_after"] < 3
    # Zeros stay what they are: a time without samples.
    assert (calibrated.loc[idle, ["x", "y", "z"]] == 0).all(axis=None) == (asleep == "zeros")
    assert not (calibrated.loc[~idle, ["x", "y", "z"]] == 0).any(axis=None)


def test_zeros_do_not_count_for_the_hours_of_calibration():
    pytest.importorskip("skdh")
    g = np.concatenate([lying(170), np.zeros((36_000, 3))])
    with pytest.raises(ValueError, match=r"has 11.3 h of samples, without 2.5 h of NaN or zeros"):
        calibrate(frame_of(g))
    moving = np.random.default_rng(0).normal([0, 0, 1], 0.1, (192_000, 3))
    with pytest.raises(ValueError, match=r"no still stretches.*idle sleep mode does not record"):
        calibrate(frame_of(np.concatenate([moving, np.zeros((36_000, 3))])))


def test_the_remedy_for_short_recordings():
    """calibrate refuses them, so that its gain and offset must be those of a longer recording."""
    pytest.importorskip("skdh")
    calibration = calibrate(frame_of(GAIN * lying() + OFFSET)).attrs["calibration"]
    short = frame_of(GAIN * lying(5, seed=1) + OFFSET)
    with pytest.warns(UserWarning, match=r"shorter one.*\(g \+ offset\) \* gain.*attrs\['calibra"):
        segment_recordings(short)
    axes = ["x", "y", "z"]
    short[axes] = (short[axes] + calibration["offset"]) * calibration["gain"]
    np.testing.assert_allclose(short[axes], lying(5, seed=1), atol=2e-3)
    short.attrs["calibration"] = calibration
    segment_recordings(short)


def test_recordings_that_do_not_tell_enough():
    pytest.importorskip("skdh")
    with pytest.raises(ValueError, match=r"recording is a ndarray. Pass a DataFrame"):
        calibrate(lying(3))
    with pytest.raises(ValueError, match=r"does not have its unit in attrs\['units'\]"):
        calibrate(frame_of(lying(3), units=None))
    with pytest.raises(ValueError, match="sampling_rate is None, and the recording does not have"):
        calibrate(frame_of(lying(3), sampling_rate=None))
    two = frame_of(lying(3), channels=None).drop(columns=["z", "light"])
    with pytest.raises(ValueError, match="must have three columns of acceleration"):
        calibrate(two)


def test_calibration_needs_skdh(monkeypatch):
    monkeypatch.setitem(sys.modules, "skdh.preprocessing", None)
    with pytest.raises(ImportError, match=r"pip install relcon_sklearn\[calibration\]"):
        calibrate(None)
