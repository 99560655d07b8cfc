"""The check that an exported network computes what its estimator computes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

TOLERANCES = {"float32": 1e-5, "float16": 5e-3}
"""Largest difference by the type of the weights, relative to the largest output."""

_N_SEGMENTS = 3


def check_parity(
    run: Callable[[np.ndarray], np.ndarray],
    reference: Callable[[np.ndarray], np.ndarray],
    n_timesteps: int,
    n_channels: int,
    tolerance: float,
) -> None:
    """Raise ValueError unless outputs agree at five lengths, for one segment and for several.

    Parameters
    ----------
    run : callable
        The exported network: maps float32 segments (n, n_timesteps, n_channels) to outputs.
    reference : callable
        The method of the estimator.
    n_timesteps : int
        Number of time steps in training. Other lengths that `reference` refuses are skipped.
    n_channels : int
        Number of channels.
    tolerance : float
        Largest difference, relative to the largest output.
    """
    rng = np.random.default_rng(0)
    # One step, fewer than the encoders pad to, and longer than in training. Both parities.
    for length in (1, 10, n_timesteps, n_timesteps + 1, 2 * n_timesteps + 3):
        segments = rng.normal(size=(_N_SEGMENTS, length, n_channels)).astype(np.float32) / 2
        segments[..., -1] += 1  # gravity
        try:
            expected = np.asarray(reference(segments))
        except Exception:
            if length == n_timesteps:
                raise
            continue  # the encoder cannot take it either
        for n in (1, _N_SEGMENTS):
            _check_outputs(run, segments[:n], expected[:n], tolerance)


def _check_outputs(run, segments: np.ndarray, expected: np.ndarray, tolerance: float) -> None:
    what = f"segments of shape {segments.shape}"
    try:
        outputs = run(segments)
    except Exception as error:
        raise ValueError(f"it does not run for {what}: {error}") from error
    if outputs.shape != expected.shape:
        raise ValueError(
            f"its outputs for {what} have shape {outputs.shape} instead of {expected.shape}"
        )
    scale = np.abs(expected).max(initial=np.finfo(np.float32).tiny)
    difference = np.abs(outputs - expected).max() / scale
    if not difference <= tolerance:  # NaN is a difference too
        raise ValueError(
            f"its outputs for {what} differ by {difference:.2g} of the largest output, and "
            f"{tolerance:g} is allowed"
        )
