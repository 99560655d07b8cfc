"""The generated sensor: its mounting, noise and range, and lost samples."""

import numpy as np

_BIAS = 0.005  # g, standard deviation


def draw_mountings(rng, n, turned):
    """Draw n mountings of the device: rotations (n, 3, 3) and biases in g (n, 3).

    Rotations are uniform over all 3-D rotations, or the identity if `turned` is False.
    """
    bias = _BIAS * rng.normal(size=(n, 3))
    if not turned:
        return np.broadcast_to(np.eye(3), (n, 3, 3)), bias
    q = rng.normal(size=(4, n))  # normalized, these are uniform unit quaternions
    w, x, y, z = q / np.linalg.norm(q, axis=0)
    rotation = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.moveaxis(np.array(rotation), 2, 0), bias


def measure(rng, force, rotation, bias, noise, clipping):
    """Measure a force: (3, n, n_timesteps), (n, 3, 3), (n, 3) -> (n, n_timesteps, 3).

    Values outside the range of the sensor, -`clipping` to `clipping` g, are clipped.
    """
    n, n_timesteps = force.shape[1:]
    out = np.empty((n, n_timesteps, 3), dtype=np.float32)
    rotation, bias = rotation.astype(np.float32), bias.astype(np.float32)
    noises = rng.standard_normal((3, n, n_timesteps), dtype=np.float32) if noise > 0 else None
    for axis in range(3):
        values = sum(rotation[:, axis, k, None] * force[k] for k in range(3))
        values += bias[:, axis, None]
        if noise > 0:
            values += np.float32(noise) * noises[axis]
        out[:, :, axis] = values
    if clipping is not None:
        np.clip(out, -clipping, clipping, out=out)
    return out


def draw_lost_samples(rng, n, n_timesteps, fraction, burst):
    """Draw which samples are lost: (n, n_timesteps) bool.

    Bursts start at random times, last 0.5 to 1.5 times `burst` samples and may overlap. Their
    number is chosen such that the expected fraction of lost samples is `fraction`.
    """
    longest = max(1, round(1.5 * burst))
    mean = max(1.0, burst)
    # Bursts that start before the segment may reach into it. Bursts that start at a rate r and
    # last for m on average leave a fraction exp(-r m) uncovered.
    expected = -np.log1p(-fraction) / mean * (n_timesteps + longest)
    counts = rng.poisson(expected, n)
    row = np.repeat(np.arange(n), counts)
    start = rng.integers(0, n_timesteps + longest, len(row))
    length = np.maximum(1, np.rint(rng.uniform(0.5, 1.5, len(row)) * burst)).astype(np.intp)
    change = np.zeros((n, n_timesteps + 2 * longest + 1), dtype=np.int32)
    np.add.at(change, (row, start), 1)
    np.add.at(change, (row, start + length), -1)
    return np.cumsum(change, axis=1)[:, longest : longest + n_timesteps] > 0


def hold_last(X, lost):
    """Replace lost samples by the last sample that was not lost; the first is never lost."""
    index = np.where(lost, 0, np.arange(X.shape[1]))
    index = np.maximum.accumulate(index, axis=1)
    return np.take_along_axis(X, index[:, :, None], axis=1)
