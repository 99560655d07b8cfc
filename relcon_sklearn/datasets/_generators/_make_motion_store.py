"""make_motion_store: generated segments written directly to a segment store."""

import json
import math
import os
from numbers import Integral
from pathlib import Path

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions, validate_params

from ..._utils._atomic import write_atomically
from ...segments import SegmentWriter, open_segments
from ._body import ACTIVITIES
from ._parameters import SEGMENT_CONSTRAINTS, check_activities, check_sizes
from ._subject_segments import (
    MotionSettings,
    draw_entropy,
    draw_subject_plan,
    generate_segments,
    subject_name,
)

_START = np.datetime64("2024-01-01T00:00", "ns")
_HOUR = 3600 * 10**9  # ns

# File with the parameters of the store. The version of the model increases when signals change.
_RECORD = "make_motion_store.json"
_MODEL_VERSION = 1


@validate_params(
    SEGMENT_CONSTRAINTS
    | {
        "path": [str, os.PathLike],
        "n_hours": [Interval(Integral, 1, None, closed="left"), None],
        "dtype": [StrOptions({"float32", "float16", "int16"})],
        "random_state": [Interval(Integral, 0, 2**32 - 1, closed="both")],
    },
    prefer_skip_nested_validation=True,
)
def make_motion_store(
    path,
    n_segments=100_000,
    n_subjects=100,
    *,
    n_timesteps=256,
    sampling_rate=100.0,
    n_hours=None,
    activities=ACTIVITIES,
    placement="waist",
    orientation_changes="hour",
    noise=0.02,
    clipping=None,
    dropout=0.0,
    dtype="float32",
    random_state=0,
):
    """Generate any number of segments and write them to a segment store.

    The segments are the same as the output of :func:`make_motion` with the same parameters,
    including `random_state`. They are generated in chunks, so that memory does not grow with
    their number. Each subject is written in one commit. If the function is called again with the
    same parameters after a crash, it continues with the first missing subject, and the result is
    the same as without the crash. If the store is complete, the function only opens it.

    Parameters
    ----------
    path : str or path-like
        Directory of the store; created if needed.

    n_segments : int, default=100_000
        Number of segments; at least `n_subjects`. A segment of the default size needs 3 KB on disk
        as float32, so the default needs 0.3 GB.

    n_subjects : int, default=100
        Number of subjects. Their numbers of segments differ by one at most.

    n_timesteps : int, default=256
        Number of samples per segment. The default is 2.56 s at 100 Hz.

    sampling_rate : float, default=100.0
        Sampling rate in Hz.

    n_hours : int or None, default=None
        Number of hours per subject. If None, the number of hours that its segments need without
        breaks. With fewer hours, segments overlap in time, which affects only their times. With
        more hours, there are breaks between segments.

    activities : tuple, list or ndarray of str, default=("lying", ..., "running")
        Activities to generate, without duplicates. The default is all six known activities.

    placement : {"waist", "wrist", "ankle"}, default="waist"
        Where the device is worn.

    orientation_changes : {"segment", "hour", "subject", "never"}, default="hour"
        How often the device is taken off and put on again: for each segment, hour or subject.

    noise : float, default=0.02
        Standard deviation of the white noise on each axis, in g.

    clipping : float or None, default=None
        Range of the sensor in g: values are clipped to -clipping and clipping. If None, the range
        is unlimited.

    dropout : float, default=0.0
        Fraction of the time that is lost, from 0 to below 1. The last value is repeated.

    dtype : {"float32", "float16", "int16"}, default="float32"
        Type of the stored values. "float16" and "int16" need half the space. "int16" stores -16 to
        16 g in steps of 1/2048 g.

    random_state : int, default=0
        Seed of all random draws. It must be an int, so that an interrupted store can be continued.

    Returns
    -------
    store : SegmentStore
        The opened store: ``store.X``, ``store.groups`` (names of subjects, "s00" and so on),
        ``store.hour_groups``, ``store.times`` (from 2024-01-01, with the segments of an hour
        evenly spaced), ``store["activity"]``, ``store["speed"]`` in m/s and ``store["cadence"]``
        in steps per minute.

    Raises
    ------
    ValueError
        If a parameter is outside its range, if the store at `path` was written by other code or
        with other parameters, or if values do not fit `dtype`.
    FileExistsError
        If `path` has other files.

    See Also
    --------
    make_motion : The same segments in memory; its notes describe the model.
    relcon_sklearn.SegmentWriter : Write your own segments.

    Examples
    --------
    >>> import tempfile
    >>> from relcon_sklearn.datasets import make_motion_store
    >>> folder = tempfile.TemporaryDirectory()
    >>> store = make_motion_store(folder.name, 120, 4, n_timesteps=128, sampling_rate=50)
    >>> store.X.shape, store.columns
    ((120, 128, 3), ['activity', 'speed', 'cadence'])
    >>> folder.cleanup()
    """
    names = check_activities(activities)
    check_sizes(n_segments, n_subjects)
    path = Path(os.path.expanduser(path)).resolve()
    if n_hours is None:
        seconds = -(-n_segments // n_subjects) * n_timesteps / sampling_rate
        n_hours = math.ceil(seconds / 3600)
    settings = MotionSettings(
        n_segments=int(n_segments),
        n_subjects=int(n_subjects),
        n_timesteps=int(n_timesteps),
        sampling_rate=float(sampling_rate),
        n_hours=int(n_hours),
        activities=names,
        placement=placement,
        orientation_changes=orientation_changes,
        noise=float(noise),
        clipping=None if clipping is None else float(clipping),
        dropout=float(dropout),
    )
    record = {"model": _MODEL_VERSION, "random_state": int(random_state), "dtype": dtype}
    record |= settings._asdict() | {"activities": list(names)}
    _check_record(path, record)
    writer = SegmentWriter(
        path,
        n_timesteps=settings.n_timesteps,
        n_channels=3,
        sampling_rate=settings.sampling_rate,
        dtype=dtype,
        columns={"activity": "U8", "speed": "float32", "cadence": "float32"},
    )
    with writer:
        _write_record(path, record, writer.n_segments)
        entropy = draw_entropy(int(random_state))
        for index in range(settings.n_subjects):
            name = subject_name(index, settings.n_subjects)
            if name not in writer.subjects:
                with writer.transaction():
                    _write_subject(
                        writer, name, settings, draw_subject_plan(settings, entropy, index)
                    )
    return open_segments(path)


def _write_subject(writer, name, settings, plan):
    """Write the segments of one subject."""
    times = _spread_over_hours(plan.hours)
    for rows, X in generate_segments(settings, plan):
        writer.append(
            X,
            name,
            times=times[rows],
            activity=plan.names[rows],
            speed=plan.bouts.speed[rows].astype(np.float32),
            cadence=(60 * plan.bouts.cadence[rows]).astype(np.float32),
        )


def _spread_over_hours(hours):
    """Return times that spread the segments of each hour evenly over the hour."""
    size = np.bincount(hours)
    place = np.arange(len(hours)) - (np.cumsum(size) - size)[hours]
    within = place * (_HOUR // size[hours])
    return _START + (hours * _HOUR + within).astype("timedelta64[ns]")


def _check_record(path, record):
    """Raise ValueError if the store at `path` was written with other parameters."""
    file = path / _RECORD
    if not file.is_file():
        return
    old = json.loads(file.read_text(encoding="utf-8"))
    if old != record:
        other = [f"{k} was {old.get(k)!r}, not {v!r}" for k, v in record.items() if old.get(k) != v]
        raise ValueError(
            f"path={str(path)!r} has segments that were generated with other parameters: "
            f"{'; '.join(other)}. Pass the same parameters, or choose another path."
        )


def _write_record(path, record, n_segments):
    """Write the parameters of the segments, before the first segment."""
    file = path / _RECORD
    if file.is_file():
        return
    if n_segments > 0:
        raise ValueError(
            f"path={str(path)!r} has a store that make_motion_store did not create. Choose another "
            "path."
        )
    text = json.dumps(record, indent=1) + "\n"
    write_atomically(file, text.encode())
