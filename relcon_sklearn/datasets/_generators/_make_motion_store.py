"""make_motion_store: generated segments written straight into a segment store."""

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

# Beside the store: what it was made with. The model's number rises when it makes other signals.
_RECORD = "make_motion_store.json"
_MODEL = 1


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
    """Generate segments of any number straight into a segment store.

    The segments are those of :func:`make_motion` with the same parameters, `random_state`
    included. They are written subject by subject, each in one commit, and generated in chunks, so
    that memory does not grow with their number. Called again after a crash with the same
    parameters, it goes on with the first subject that is missing; what comes out is the same as
    without the crash. Called on a store that is complete, it opens it.

    Parameters
    ----------
    path : str or path-like
        Directory of the store. Made if it is not there.

    n_segments : int, default=100_000
        Number of segments; at least `n_subjects`. A segment of the default size takes 3 KB on
        disk as float32, so that the default makes 0.3 GB.

    n_subjects : int, default=100
        Number of subjects. Their numbers of segments differ by one at most.

    n_timesteps : int, default=256
        Samples per segment: 2.56 s at 100 Hz.

    sampling_rate : float, default=100.0
        In Hz.

    n_hours : int or None, default=None
        Hours per subject. None takes as many as its segments fill if they follow each other
        without a break. With fewer hours, segments overlap in time, which only shows in their
        times; with more, there are breaks between them.

    activities : tuple, list or ndarray of str, default=("lying", ..., "running")
        Which activities to generate, each named once.

    placement : {"waist", "wrist", "ankle"}, default="waist"
        Where the device is worn.

    orientation_changes : {"segment", "hour", "subject", "never"}, default="hour"
        How often the device is put on anew.

    noise : float, default=0.02
        Standard deviation of the white noise on each axis, in g.

    clipping : float or None, default=None
        Range of the sensor in g; None is no limit.

    dropout : float, default=0.0
        Fraction of the time in which the last value is held, 0 to below 1.

    dtype : {"float32", "float16", "int16"}, default="float32"
        How the store keeps values; the latter two take half the space. "int16" keeps -16 to 16 g
        in steps of 1/2048 g.

    random_state : int, default=0
        Seeds every draw. An int, since a store must be able to be continued.

    Returns
    -------
    store : SegmentStore
        The store, opened: ``store.X``, ``store.groups`` (names of subjects, "s00" and so on),
        ``store.hour_groups``, ``store.times`` (from 2024-01-01, the segments of an hour evenly
        spaced within it), ``store["activity"]``, ``store["speed"]`` in m/s and
        ``store["cadence"]`` in steps per minute.

    Raises
    ------
    ValueError
        If a parameter is outside its range, if there is a store at `path` that was made
        otherwise or with other parameters, or if values do not fit `dtype`.
    FileExistsError
        If there are other things at `path`.

    See Also
    --------
    make_motion : The same in memory; its notes describe the model.
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
    path = Path(path)
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
    record = {"model": _MODEL, "random_state": int(random_state), "dtype": dtype}
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
    """Spread the segments of each hour over it."""
    size = np.bincount(hours)
    place = np.arange(len(hours)) - (np.cumsum(size) - size)[hours]
    within = place * (_HOUR // size[hours])
    return _START + (hours * _HOUR + within).astype("timedelta64[ns]")


def _check_record(path, record):
    """Refuse to continue what was begun with other parameters."""
    file = path / _RECORD
    if not file.is_file():
        return
    old = json.loads(file.read_text(encoding="utf-8"))
    if old != record:
        other = [f"{k} was {old.get(k)!r}, not {v!r}" for k, v in record.items() if old.get(k) != v]
        raise ValueError(
            f"path={str(path)!r} holds segments made with other parameters: {'; '.join(other)}. "
            "Pass these, or choose another path."
        )


def _write_record(path, record, n_segments):
    """Write down what the segments are made with, before the first of them."""
    file = path / _RECORD
    if file.is_file():
        return
    if n_segments > 0:
        raise ValueError(
            f"path={str(path)!r} holds a store that make_motion_store did not make; choose another "
            "path."
        )
    text = json.dumps(record, indent=1) + "\n"
    write_atomically(file, text.encode())
