"""Recordings as other packages return them: actipy, scikit-digital-health and pygt3x."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import numpy as np

from .._utils._text import listed
from ._frames import is_frame

logger = logging.getLogger("relcon_sklearn")

_AXES = ("x", "y", "z")
_PYGT3X = ["X", "Y", "Z", "IdleSleepMode"]

_FIRST_CLOCK_TIME = 1e9  # s since 1970: pygt3x has smaller numbers if it misreads the start


def is_of_actipy(recording) -> bool:
    """Return whether a recording is what actipy returns: a DataFrame and a dict about it."""
    return (
        isinstance(recording, tuple)
        and len(recording) == 2
        and is_frame(recording[0])
        and isinstance(recording[1], Mapping)
    )


def as_own_form(recording):
    """Return a recording of another package as a DataFrame with attributes, and others as it is."""
    if is_of_actipy(recording):
        return _from_actipy(*recording)
    if isinstance(recording, Mapping) and {"accel", "time"} <= recording.keys():
        return _from_skdh(recording)
    if isinstance(recording, Mapping):
        if not recording:
            raise ValueError(f"a recording is an empty {type(recording).__name__}. Leave it out.")
        keys = listed([repr(key) for key in recording], 5)
        raise ValueError(
            f"a recording is a {type(recording).__name__} with the keys {keys}. Pass the "
            "recordings in it as a list, and their names in subjects: for a dict from names to "
            "recordings, list(recordings.values()) and list(recordings); for a data set, "
            "data.recordings and data.subjects."
        )
    if is_frame(recording) and list(recording.columns) == _PYGT3X:
        return _from_pygt3x(recording)
    return recording


def _from_actipy(frame, info: Mapping):
    """Return actipy's DataFrame in g with the rate in `info`, after resampling if there was any."""
    rate = info.get("ResampleRate", info.get("SampleRate"))
    attributes = {"units": "g", "sampling_rate": rate, "channels": list(_AXES)}
    if info.get("CalibOK"):
        attributes["calibration"] = "actipy"
    return _with_attributes(frame.copy(deep=False), attributes)


def _from_skdh(recording: Mapping):
    """Return the acceleration, in g, of a dict of scikit-digital-health, at its times."""
    import pandas

    dates = _dates(recording["time"])
    frame = pandas.DataFrame(np.asarray(recording["accel"]), dates, list(_AXES), copy=False)
    attributes = {"units": "g", "sampling_rate": recording.get("fs"), "channels": list(_AXES)}
    if "offset" in recording and "scale" in recording:
        attributes["calibration"] = "scikit-digital-health"
    return _with_attributes(frame, attributes)


def _from_pygt3x(frame):
    """Return the acceleration in pygt3x's DataFrame at its times, without idle sleep mode.

    The device took no samples in idle sleep mode. pygt3x repeats the last one before it.
    """
    idle = frame["IdleSleepMode"].to_numpy(bool)
    if idle.any():
        logger.info("%d samples of idle sleep mode were left out", idle.sum())
    frame = frame.loc[~idle, _PYGT3X[:3]]
    if frame.index.dtype.kind == "f" and (frame.index >= _FIRST_CLOCK_TIME).all():
        frame = frame.set_axis(_dates(frame.index)).rename_axis(frame.index.name)
    return frame


def _dates(seconds) -> np.ndarray:
    """Return times in seconds since 1970 as dates; float64 is not more precise than 1 us."""
    return np.rint(np.asarray(seconds, np.float64) * 1e6).astype("datetime64[us]")


def _with_attributes(frame, attributes: dict):
    frame.attrs = {name: value for name, value in attributes.items() if value is not None}
    return frame
