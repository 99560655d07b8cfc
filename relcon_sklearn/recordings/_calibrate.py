"""calibrate: gain and offset of each axis, so that still stretches measure 1 g."""

from __future__ import annotations

import logging
import warnings
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from .._recordings._attributes import is_calibrated, own_channels, own_rates, own_units
from .._recordings._columns import acceleration_axes
from .._recordings._compact import CompactRecording
from .._recordings._frames import frame_signal, is_frame
from .._recordings._idle import has_zeros
from .._recordings._other_packages import as_own_form
from .._recordings._rows import Ranges, Taken
from .._recordings._still import gravity_errors, still_means
from .._recordings._units import UNITS, is_plausible, median_magnitude

logger = logging.getLogger("relcon_sklearn")

_AXES = [0, 1, 2]
_HOURS = 12
_COVERED = 0.3  # g, on both sides of each axis
_LARGEST_ERROR = 0.01  # g, after calibration


def calibrate(recording):
    """Calibrate the acceleration of a recording by the gravity in its still stretches.

    A device that does not move measures 1 g in any orientation, if the gain and the offset of each
    axis are right. They are fitted to this by the method of van Hees et al. [1]_, as implemented
    by scikit-digital-health (``pip install relcon_sklearn[calibration]``). It uses the first 12 h,
    and more, 12 h at a time, if these are not enough. Temperature is not used.

    Parameters
    ----------
    recording : DataFrame
        The recording: that of :func:`read_recording`, or another that
        :func:`~relcon_sklearn.segment_recordings` takes, with its unit and rate in ``attrs``.

    Returns
    -------
    calibrated : DataFrame
        A copy, whose acceleration is ``(recording + offset) * gain`` in float32. Samples that are
        0 on all axes stay 0. Its ``attrs["calibration"]`` is a dict:

        - `gain`: list of 3 floats
        - `offset`: list of 3 floats, in g
        - `error_before`, `error_after`: how far the still stretches are from 1 g on average, in mg

    Raises
    ------
    ValueError
        If the recording is calibrated already, or if the median magnitude of its acceleration
        does not fit its unit. If it has less than 12 h of samples without NaN and zeros. If its
        still stretches do not have, on each axis, both values below -0.3 g and above 0.3 g, as in a
        device that is worn for a day. If the error is not below 10 mg, and lower than before,
        afterwards.
    ImportError
        If scikit-digital-health is not installed.

    See Also
    --------
    read_recording : Read the file of a device.

    Notes
    -----
    Time is cut into blocks of 10 s. A block is still if the standard deviation of each axis in it
    is below 13 mg. Calibrate before :func:`~relcon_sklearn.segment_recordings`, so that periods of
    non-wear count: these are the stillest.

    Samples with NaN, and those that are 0 on all axes, do not count. Some devices write zeros in
    idle sleep mode, in which they take no samples. ActiLife exports the last value before it, over
    and over: such a time counts as still.

    References
    ----------
    .. [1] van Hees et al. Autocalibration of accelerometer data for free-living physical activity
       assessment using local gravity and temperature: an evaluation on four continents. Journal of
       Applied Physiology 117(7):738-744, 2014.

    Examples
    --------
    A device with a wrong gain, which lies in 200 orientations for 4 minutes each.

    >>> import numpy as np
    >>> import pandas as pd
    >>> from relcon_sklearn.recordings import calibrate
    >>> rng = np.random.default_rng(0)
    >>> directions = rng.normal(size=(200, 3))
    >>> directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    >>> g = directions.repeat(4 * 240, axis=0) + rng.normal(scale=0.002, size=(4 * 48_000, 3))
    >>> recording = pd.DataFrame(g * [1.1, 1, 1] + [0, 0.05, 0], columns=["x", "y", "z"])
    >>> recording.attrs = {"units": "g", "sampling_rate": 4}
    >>> found = calibrate(recording).attrs["calibration"]
    >>> [round(1 / gain, 3) for gain in found["gain"]]
    [1.1, 1.0, 1.0]
    >>> found["error_before"] > 20, found["error_after"] < 1
    (True, True)
    """
    try:
        import skdh.preprocessing  # noqa: F401
    except ImportError as error:
        raise ImportError(
            "calibrate needs scikit-digital-health. Install it with: pip install "
            "relcon_sklearn[calibration]"
        ) from error
    frame = as_own_form(recording)
    if not is_frame(frame):
        raise ValueError(
            f"recording is a {type(recording).__name__}. Pass a DataFrame, such as "
            "read_recording returns."
        )
    _check_not_calibrated(frame)
    columns, scale, rate = _describe(frame)
    signal = frame_signal(frame, columns, "the recording")
    found = _calibration_of(signal, scale, rate, columns, frame.attrs["units"])
    return _apply(frame, signal, columns, scale, found)


def calibrate_compact(recording: CompactRecording) -> CompactRecording:
    """Return a recording, calibrated as by :func:`calibrate`."""
    _check_not_calibrated(recording)
    attrs = recording.attrs
    found = _calibration_of(
        recording.signal, 1.0, attrs["sampling_rate"], attrs["channels"], attrs["units"]
    )
    return replace(
        recording,
        signal=recording.signal.calibrated(found.gain, found.offset),
        attrs=attrs | {"calibration": found.as_attribute()},
    )


class _Calibration(NamedTuple):
    """Gain and offset, in g, of each axis, and the errors of still blocks in g."""

    gain: np.ndarray
    offset: np.ndarray
    before: float
    after: float

    def as_attribute(self) -> dict[str, Any]:
        return {
            "gain": self.gain.tolist(),
            "offset": self.offset.tolist(),
            "error_before": float(1000 * self.before),
            "error_after": float(1000 * self.after),
        }


class _InG:
    """Acceleration as float64 in g, converted where it is needed.

    ``g[:stop]`` is not converted yet: of it, scikit-digital-health takes parts.
    """

    def __init__(self, signal: np.ndarray, scale: float, stop: int | None = None):
        self._signal, self._scale, self._n = signal, scale, len(signal) if stop is None else stop

    def __len__(self) -> int:
        return self._n

    @property
    def shape(self) -> tuple[int, int]:
        return (len(self), 3)

    def __getitem__(self, rows):
        if isinstance(rows, slice):
            if rows.start is None and rows.step is None:
                return _InG(self._signal, self._scale, rows.indices(len(self))[1])
            rows = slice(*rows.indices(len(self)))
        return self._signal[rows].astype(np.float64) * self._scale

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        return np.asarray(self[0 : len(self)], dtype=dtype)


def _calibration_of(signal, scale: float, rate: float, columns: list, units: str) -> _Calibration:
    """Return the calibration of a signal in some units, of which `scale` is 1 in g."""
    from skdh.preprocessing import CalibrateAccelerometer

    known = Ranges.where_rows(_is_known, signal)
    idle = len(signal) - len(known)
    g = _InG(Taken(signal, known) if idle else signal, scale)
    _check_unit(g, units)
    hours = len(g) / rate / 3600
    if hours < _HOURS:
        without = f", without {idle / rate / 3600:.3g} h of NaN or zeros" if idle else ""
        raise ValueError(
            f"The recording has {hours:.3g} h of samples{without}. Calibration needs {_HOURS} h. "
            "Calibrate a longer recording of the same device, and apply its gain and offset."
        )
    means = still_means(g, rate, _AXES, 1.0)
    _check_sphere(means, columns)
    with warnings.catch_warnings():
        # A failure is reported by the error below.
        warnings.simplefilter("ignore", UserWarning)
        # It does not use the time, because the rate is given.
        found = CalibrateAccelerometer(min_hours=_HOURS).predict(
            time=None, accel=g, fs=rate, apply=False
        )
    offset, gain = found["offset"], found["scale"]
    before, after = (gravity_errors(m).mean() for m in (means, (means + offset) * gain))
    if not after < min(before, _LARGEST_ERROR):
        raise ValueError(
            f"Calibration failed: still stretches differ from 1 g by {1000 * before:.1f} mg before "
            f"and {1000 * after:.1f} mg after it. The device may be defective, or be still only "
            "while it is moved slowly, for example in a vehicle."
        )
    logger.info(
        "calibrated %s: gain %s, offset %s g; still stretches differ from 1 g by %.1f mg instead "
        "of %.1f mg",
        *(columns, gain.round(4), offset.round(4), 1000 * after, 1000 * before),
    )
    return _Calibration(gain, offset, before, after)


def _is_known(samples: np.ndarray) -> np.ndarray:
    """Return which samples the device took: they are neither NaN nor zeros of idle sleep mode."""
    return np.isfinite(samples).all(axis=1) & ~has_zeros(samples, [_AXES])


def _check_not_calibrated(recording) -> None:
    if is_calibrated(recording):
        raise ValueError(
            "The recording is calibrated already, see its attrs['calibration']. Calibrate the "
            "recording as it was read. If its values were not calibrated, delete that entry."
        )


def _describe(frame) -> tuple[list, float, float]:
    """Return the columns of the acceleration, the factor that converts them to g, and the rate."""
    name = "the recording"
    rate, units = own_rates([frame], [name])[0], own_units([frame], [name])
    if units is None:
        raise ValueError(f"{name} does not have its unit in attrs['units']. Set it, such as 'g'.")
    columns = own_channels([frame]) or list(frame.columns)
    axes = acceleration_axes(columns)
    if len(axes) != 1:
        raise ValueError(f"{name} must have three columns of acceleration. Its columns: {columns}.")
    return [columns[axis] for axis in axes[0]], UNITS[units], float(rate)


def _check_unit(g: _InG, units: str) -> None:
    """Raise ValueError if the acceleration is not in its unit."""
    seen = median_magnitude(g)
    if not (np.isnan(seen) or is_plausible(seen)):
        raise ValueError(
            f"The recording has attrs['units'] = {units!r}, but then its median magnitude is "
            f"{seen:.3g} g, and not about 1 g. Set attrs['units'] to the unit of its values, one "
            f"of {', '.join(map(repr, UNITS))}. Calibration needs signals with gravity."
        )


def _check_sphere(means: np.ndarray, columns: list) -> None:
    """Raise ValueError if still blocks do not have enough orientations."""
    if len(means) == 0:
        raise ValueError(
            "The recording has no still stretches, which calibration needs. A device with idle "
            "sleep mode does not record them."
        )
    low, high = means.min(axis=0), means.max(axis=0)
    missing = [i for i in range(3) if low[i] > -_COVERED or high[i] < _COVERED]
    if missing:
        seen = ", ".join(f"{columns[i]} from {low[i]:.2f} to {high[i]:.2f} g" for i in missing)
        raise ValueError(
            f"The still stretches of the recording do not have enough orientations: {seen}. "
            f"Calibration needs values below -{_COVERED} and above {_COVERED} g on each axis. "
            "Calibrate a longer recording of the same device, and apply its gain and offset."
        )


def _apply(frame, signal: np.ndarray, columns: list, scale: float, found: _Calibration):
    """Return a copy of a recording, calibrated, with a description of its calibration."""
    calibrated, idle = frame.copy(), has_zeros(signal, [_AXES])
    for column, gain, offset in zip(columns, found.gain, found.offset, strict=True):
        g = frame[column].to_numpy(np.float64) * scale
        calibrated[column] = np.where(idle, 0, (g + offset) * (gain / scale)).astype(np.float32)
    calibrated.attrs["calibration"] = found.as_attribute()
    return calibrated
