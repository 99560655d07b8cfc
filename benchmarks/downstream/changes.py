"""Changes of windows as another device, or the same one worn differently, would make them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.signal import resample_poly
from scipy.spatial.transform import Rotation

from benchmarks.common.windows import Windows


def rotated(windows: Windows, rng: np.random.Generator) -> np.ndarray:
    """Rotate the axes, by one random rotation for each subject."""
    X = np.empty_like(windows.X)
    for subject in np.unique(windows.subject):
        rows = windows.subject == subject
        X[rows] = windows.X[rows] @ Rotation.random(random_state=rng).as_matrix().astype(np.float32)
    return X


def half_rate(windows: Windows, rng: np.random.Generator) -> np.ndarray:
    """Reduce the rate to a half, and resample to the first rate, as for a slower device."""
    n = windows.X.shape[1]
    slow = resample_poly(windows.X, 1, 2, axis=1, padtype="line")
    return resample_poly(slow, 2, 1, axis=1, padtype="line")[:, :n].astype(np.float32)


def gains(windows: Windows, rng: np.random.Generator) -> np.ndarray:
    """Multiply each axis by a factor from 0.9 to 1.1, and add up to 0.05 g, for each subject."""
    X = np.empty_like(windows.X)
    for subject in np.unique(windows.subject):
        rows = windows.subject == subject
        gain, offset = rng.uniform(0.9, 1.1, 3), rng.uniform(-0.05, 0.05, 3)
        X[rows] = windows.X[rows] * gain + offset
    return X


def noise(windows: Windows, rng: np.random.Generator) -> np.ndarray:
    """Add Gaussian noise of 0.03 g."""
    return windows.X + rng.normal(0, 0.03, windows.X.shape).astype(np.float32)


def without_an_axis(windows: Windows, rng: np.random.Generator) -> np.ndarray:
    """Set one axis of each subject to zero, as if it had failed."""
    X = windows.X.copy()
    for subject in np.unique(windows.subject):
        X[windows.subject == subject, :, rng.integers(3)] = 0
    return X


def first_half(windows: Windows, rng: np.random.Generator) -> np.ndarray:
    """Return the first half of each window."""
    return windows.X[:, : windows.X.shape[1] // 2]


CHANGES: dict[str, Callable[[Windows, np.random.Generator], np.ndarray]] = {
    "none": lambda windows, rng: windows.X,
    "rotation of each subject": rotated,
    "half the sampling rate": half_rate,
    "gain ± 10 %, offset ± 0.05 g": gains,
    "noise of 0.03 g": noise,
    "an axis missing": without_an_axis,
    "windows of half the length": first_half,
}
