"""Changes of windows as another device would make them."""

import numpy as np
import pytest

from benchmarks.common.windows import Windows
from benchmarks.downstream.changes import CHANGES


@pytest.fixture
def windows():
    rng = np.random.default_rng(0)
    t = np.arange(128) / 50
    phases = rng.uniform(0, 6, (40, 1, 3))
    X = (0.5 * np.sin(2 * np.pi * 2 * t[None, :, None] + phases) + [0, 0, 1]).astype(np.float32)
    subject = np.repeat(["a", "b"], 20)
    return Windows(X, subject, subject, subject)


@pytest.fixture
def changed(windows):
    return lambda name: CHANGES[name](windows, np.random.default_rng(1))


@pytest.mark.parametrize("name", CHANGES)
def test_windows_stay_windows(windows, changed, name):
    before = windows.X.copy()
    X = changed(name)
    assert X.dtype == np.float32
    assert X.shape == (40, 64 if "half the length" in name else 128, 3)
    assert np.isfinite(X).all()
    np.testing.assert_array_equal(windows.X, before)
    if name not in ("none", "windows of half the length"):
        assert not np.array_equal(X, windows.X[:, : X.shape[1]])


def test_rotations_keep_magnitudes_and_are_one_for_a_subject(windows, changed):
    X = changed("rotation of each subject")
    np.testing.assert_allclose(
        np.linalg.norm(X, axis=2), np.linalg.norm(windows.X, axis=2), atol=1e-5
    )
    matrices = [
        np.linalg.lstsq(windows.X[rows].reshape(-1, 3), X[rows].reshape(-1, 3), rcond=None)[0]
        for rows in (windows.subject == "a", windows.subject == "b")
    ]
    for matrix in matrices:
        np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-4)
    assert np.abs(matrices[0] - matrices[1]).max() > 0.1


def test_half_the_rate_keeps_what_is_slow(windows, changed):
    X = changed("half the sampling rate")
    # 2 Hz is far below half of 25 Hz.
    np.testing.assert_allclose(X[:, 20:-20], windows.X[:, 20:-20], atol=0.02)
    fast = Windows(
        np.sin(2 * np.pi * 20 * np.arange(128) / 50)[None, :, None].repeat(3, 2).astype("float32"),
        *[np.array(["a"])] * 3,
    )
    removed = CHANGES["half the sampling rate"](fast, None)
    assert np.abs(removed[:, 20:-20]).max() < 0.1


def test_gains_are_within_ten_percent(windows, changed):
    X = changed("gain ± 10 %, offset ± 0.05 g")
    for subject in "ab":
        rows = windows.subject == subject
        for axis in range(3):
            gain, offset = np.polyfit(windows.X[rows, :, axis].ravel(), X[rows, :, axis].ravel(), 1)
            assert 0.9 <= gain <= 1.1
            assert abs(offset) <= 0.051


def test_one_axis_is_missing(windows, changed):
    X = changed("an axis missing")
    for subject in "ab":
        missing = (X[windows.subject == subject] == 0).all(axis=(0, 1))
        assert missing.sum() == 1


def test_noise(windows, changed):
    assert (changed("noise of 0.03 g") - windows.X).std() == pytest.approx(0.03, rel=0.05)
