"""Recordings as other packages return them: actipy, scikit-digital-health and pygt3x."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ._frames import index_name, is_frame
from ._time_column import is_named_time

_AXES = ("x", "y", "z")

_FIRST_CLOCK_TIME = 1e9  # s since 1970: smaller numbers count from the start of a recording


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
    return recording


def time_of_index(frame) -> str | None:
    """Return the name of an index that has seconds since 1970, as pygt3x has them, or None.

    Its name must have a word for time, so that it can be passed as `time`.
    """
    index, name = frame.index, index_name(frame)
    if index.dtype.kind != "f" or not is_named_time(name) or name in frame.columns:
        return None
    # Times that are equal are refused later, with what to do about them.
    seconds = len(index) > 0 and index.is_monotonic_increasing and index[0] >= _FIRST_CLOCK_TIME
    return name if seconds else None


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

    dates = np.rint(np.asarray(recording["time"], np.float64) * 1e6).astype("datetime64[us]")
    frame = pandas.DataFrame(np.asarray(recording["accel"]), dates, list(_AXES), copy=False)
    attributes = {"units": "g", "sampling_rate": recording.get("fs"), "channels": list(_AXES)}
    if "offset" in recording and "scale" in recording:
        attributes["calibration"] = "scikit-digital-health"
    return _with_attributes(frame, attributes)


def _with_attributes(frame, attributes: dict):
    frame.attrs = {name: value for name, value in attributes.items() if value is not None}
    return frame
