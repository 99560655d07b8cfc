"""The npz format for recordings: names of its arrays, and checks that reading and writing share.

The docstring of `load_npz_recordings` describes the format.
"""

import numpy as np

# Arrays of the file that the Bunch holds under other names.
RENAMED = {
    "signal",
    "signal_int16",
    "signal_scale",
    "recording_start",
    "recording_subject",
    "sample_label",
    "sample_timestamp",
}

_ONE_DIMENSIONAL = (
    "recording_subject",
    "recording_label",
    "sample_label",
    "sample_timestamp",
    "label_names",
    "channel_names",
)


def as_signal(values, name, scale=1.0):
    """Return ``values * scale`` of shape (n_samples, n_channels) as float32.

    Raises
    ------
    ValueError
        If the values are not real numbers, have another shape, or are too large for float32.
    """
    if values.dtype.kind not in "iuf":
        raise ValueError(f"{name} must be real numbers. Got dtype {values.dtype}.")
    if values.ndim != 2 or values.shape[1] == 0:
        raise ValueError(
            f"{name} must have shape (n_samples, n_channels), with at least one channel. Got "
            f"{values.shape}."
        )
    try:
        with np.errstate(over="raise"):
            if scale == 1:
                return values.astype(np.float32, copy=False)
            return np.multiply(values, scale, dtype=np.float32)
    except FloatingPointError as error:
        raise ValueError(f"{name} has values that are too large for float32.") from error


def check_arrays(arrays, n_samples, where):
    """Raise ValueError if the arrays of a file contradict each other."""
    start_name = "recording_start"
    start = arrays[start_name]
    if start.ndim != 1 or start.dtype.kind not in "iu" or len(start) < 2:
        raise ValueError(
            f"{where}: recording_start must be a 1-D array of integers with one entry more than "
            f"there are recordings. Got shape {start.shape} and dtype {start.dtype}."
        )
    if start[0] != 0 or start[-1] != n_samples:
        raise ValueError(
            f"{where}: recording_start must go from 0 to the number of samples, {n_samples}. Got "
            f"{start[0]} to {start[-1]}."
        )
    empty = start[1:] <= start[:-1]  # no differences: those of unsigned integers are never negative
    if empty.any():
        at = int(np.argmax(empty))
        raise ValueError(
            f"{where}: recording_start must increase, since each recording needs at least one "
            f"sample. Recording {at} goes from {start[at]} to {start[at + 1]}."
        )
    for name in _ONE_DIMENSIONAL:
        if name in arrays and arrays[name].ndim != 1:
            raise ValueError(f"{where}: {name} must be 1-D. Got shape {arrays[name].shape}.")
    sizes = {"recording_": len(start) - 1, "sample_": n_samples}
    for name, values in arrays.items():
        for prefix, size in sizes.items():
            if name.startswith(prefix) and name != start_name and values.shape[:1] != (size,):
                raise ValueError(
                    f"{where}: {name} has shape {values.shape}, but there are {size} "
                    f"{prefix.rstrip('_')}s."
                )
    rate = arrays["sampling_rate"]
    if rate.shape != () or rate.dtype.kind not in "iuf" or not 0 < rate < np.inf:
        raise ValueError(f"{where}: sampling_rate must be one number above 0, in Hz. Got {rate}.")
