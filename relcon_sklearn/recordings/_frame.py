"""Recordings as DataFrames with their units, rate and device in attributes."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .._recordings._stamps import samples_not_after
from .._utils._rates import is_rate
from .._utils._warnings import warn
from ..exceptions import DamagedFileError

logger = logging.getLogger("relcon_sklearn")

AXES = ("x", "y", "z")
GYROSCOPE = ("gyro_x", "gyro_y", "gyro_z")

NO_ZONE = "time of the device's clock; its time zone is not in the file"


class File(NamedTuple):
    """A file to read: where its content is, how errors name it, and whether damage is skipped.

    `time` is the column of times of a table, None if the user names none.
    """

    path: Path
    name: str
    skip: bool
    time: str | None = None


class Slow(NamedTuple):
    """A signal with fewer samples, such as temperature: the times of its samples, and the values.

    `stamps` is int64, in ns since 1970, not decreasing.
    """

    stamps: np.ndarray
    values: np.ndarray


def build_frame(
    file: File,
    stamps: np.ndarray,
    acceleration: np.ndarray,
    *,
    rate: float,
    device: str,
    serial: str | None,
    offset: np.timedelta64 | None = None,
    clock: str = NO_ZONE,
    gyroscope: np.ndarray | None = None,
    slow: dict[str, Slow] | None = None,
):
    """Return a recording as a DataFrame.

    Parameters
    ----------
    file : File
        The file.
    stamps : ndarray of shape (n_samples,), dtype int64
        Times of the samples by the clock of the device, in ns since 1970.
    acceleration : ndarray of shape (n_samples, 3)
        Acceleration in g.
    rate : float
        Nominal rate in Hz.
    device, serial : str
        Maker and model of the device, and its serial number.
    offset : timedelta64 or None, default=None
        What the clock of the device is ahead of UTC. If None, it is unknown.
    clock : str
        Which time the clock of the device has.
    gyroscope : ndarray of shape (n_samples, 3) or None, default=None
        Angular velocity in degrees per second.
    slow : dict of str to Slow or None, default=None
        Signals with fewer samples. Each value is repeated until the next one.

    Raises
    ------
    DamagedFileError
        If there are no samples, or if the rate is not one.

    Warns
    -----
    UserWarning
        If the clock of the device was set back.
    """
    import pandas

    attrs = attributes(file, len(acceleration), rate, device, serial, clock)
    dates = stamps.view("datetime64[ns]")
    warn_if_set_back(file, dates)
    index = pandas.DatetimeIndex(dates if offset is None else dates - offset, name="time")
    if offset is not None:
        index = index.tz_localize("UTC")
    frame = pandas.DataFrame(acceleration, index, list(AXES), copy=False)
    if gyroscope is not None:
        frame[list(GYROSCOPE)] = gyroscope
    for name, signal in (slow or {}).items():
        frame[name] = _repeat(signal, stamps)
    frame.attrs = attrs
    return frame


def attributes(
    file: File,
    n_samples: int,
    rate: float,
    device: str,
    serial: str | None,
    clock: str = NO_ZONE,
) -> dict[str, Any]:
    """Return the attributes of a recording, after a check of its number of samples and its rate.

    The parameters are those of :func:`build_frame`.
    """
    if not is_rate(rate):
        raise DamagedFileError(
            f"{file.name} has the sampling rate {rate!r} Hz in its header, which is not a rate. "
            "Copy it from the device again."
        )
    if n_samples == 0:
        raise DamagedFileError(f"{file.name} has no samples of acceleration. Leave it out.")
    logger.info(
        "%s: %d samples at %g Hz by %s, serial number %s; %s",
        *(file.name, n_samples, rate, device, serial, clock),
    )
    return {
        "units": "g",
        "sampling_rate": float(rate),
        "channels": list(AXES),
        "device": device,
        "serial": serial,
        "clock": clock,
    }


def warn_if_set_back(file: File, dates) -> None:
    """Warn if the clock of the device was set back during the recording."""
    back = samples_not_after(dates, or_equal=False)
    if len(back) == 0:
        return
    at = int(back[0])
    warn(
        f"{file.name}: the clock of the device was set back: sample {at} has {dates[at]}, the "
        f"sample before it {dates[at - 1]} ({len(back)} such places). segment_recordings refuses "
        "such a recording. Split it where the clock was set, and pass the parts as a list: "
        f"[recording.iloc[:{at}], recording.iloc[{at}:]]. One of them has wrong times."
    )


def _repeat(slow: Slow, stamps: np.ndarray) -> np.ndarray:
    """Return the value of a slow signal at each time; before its first value, it is NaN."""
    if len(slow.stamps) == len(stamps):  # not slow: each sample has a value
        return slow.values
    start = np.maximum.accumulate(np.searchsorted(stamps, slow.stamps))
    count = np.diff(np.concatenate([[0], start, [len(stamps)]]))
    return np.repeat(np.concatenate([[np.nan], slow.values]).astype(np.float32), count)
