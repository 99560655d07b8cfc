"""The public data sets: their files, the tasks made of them, and how their windows are labelled."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Spans(NamedTuple):
    """Positions of windows in the recordings, in samples at the original rate.

    `recording` is the number of the recording, `start` the first sample and `stop` one past the
    last.
    """

    recording: np.ndarray
    start: np.ndarray
    stop: np.ndarray


class Task(NamedTuple):
    """A prediction task on a data set.

    Attributes
    ----------
    title : str
        Name in tables.
    file : str
        Name of the npz file, in the format of `relcon_sklearn.datasets.load_npz_recordings`.
    label : callable
        ``label(data, spans)`` returns the labels or targets of the windows.
    targets : tuple of str
        Names of the regression targets. Empty for classification.
    keep : callable
        ``keep(data)`` returns a mask of the recordings to use.
    overlap : float
        Overlap of neighbouring windows, as a fraction of their length.
    """

    title: str
    file: str
    label: Callable
    targets: tuple[str, ...] = ()
    keep: Callable = lambda data: np.ones(len(data.subjects), dtype=bool)
    overlap: float = 0.0


# -- labels ----------------------------------------------------------------------------------------


def majority_labels(keep: Callable) -> Callable:
    """Return a rule that labels a window if one label in `keep` has more than half of it."""

    def label(data, spans: Spans) -> np.ndarray:
        kept = set(keep(data))
        found = []
        for recording, start, stop in zip(*spans, strict=True):
            names, counts = np.unique(data.labels[recording][start:stop], return_counts=True)
            name = names[counts.argmax()]
            found.append(name if 2 * counts.max() > counts.sum() and name in kept else "")
        return np.array(found)

    return label


def _sisfall_codes(data, spans: Spans) -> np.ndarray:
    """Label activities by their code. Falls have no label."""
    return np.where(data.recording_is_fall, "", data.recording_code)[spans.recording]


def _gait_targets(data, spans: Spans) -> np.ndarray:
    """Return speed, cadence and double support of the walk that contains the window."""
    columns = (
        data.recording_speed_m_per_s,
        data.recording_cadence_steps_per_min,
        100 * data.recording_double_support_fraction,
    )
    targets = np.stack(columns, axis=1)[spans.recording].astype(float)
    inside = (spans.start >= data.recording_walk_start[spans.recording]) & (
        spans.stop <= data.recording_walk_stop[spans.recording]
    )
    return np.where(inside[:, None], targets, np.nan)


def _treadmill_speed(data, spans: Spans) -> np.ndarray:
    """Return the speed of windows that have one speed throughout; NaN at rest."""
    found = []
    for recording, start, stop in zip(*spans, strict=True):
        speeds = data.sample_speed_m_per_s[recording][start:stop]
        found.append(speeds[0] if speeds[0] > 0 and (speeds == speeds[0]).all() else np.nan)
    return np.array(found, dtype=float)[:, None]


_all_labels = majority_labels(lambda data: data.label_names)


# -- the data sets ---------------------------------------------------------------------------------

TASKS = {
    # The last six of HAPT's twelve labels are postural transitions.
    "hapt": Task("HAPT, waist", "hapt.npz", majority_labels(lambda data: data.label_names[:6])),
    "sisfall": Task("SisFall, waist", "sisfall_100hz.npz", _sisfall_codes),
    "smartfallmm": Task(
        "SmartFallMM, wrist",
        "smartfallmm_wrist.npz",
        _all_labels,
        # The other recordings were made at 25 Hz.
        keep=lambda data: data.recording_native_rate == 50,
    ),
    "wisdm": Task("WISDM, watch", "wisdm51_watch_reduced.npz", _all_labels),
    "motionsense": Task("MotionSense, pocket", "motionsense_pocket.npz", _all_labels),
    "wisdm18": Task("WISDM with 18 activities, watch", "wisdm51_watch.npz", _all_labels),
    "ipol": Task(
        "IPOL gait, lower back",
        "ipol_gait497_lower_back.npz",
        _gait_targets,
        ("speed (m/s)", "cadence (steps/min)", "double support (%)"),
        overlap=0.5,
    ),
    "troika": Task(
        "TROIKA, wrist", "troika_wrist_treadmill.npz", _treadmill_speed, ("speed (m/s)",)
    ),
}

# -- names of classes ------------------------------------------------------------------------------

# Names of SisFall's activities that fit on an axis. `fetch_sisfall` returns the full names.
_SISFALL = (
    "walk slow,walk fast,jog slow,jog fast,stairs slow,stairs fast,mid chair slow,mid chair fast,"
    "low chair slow,low chair fast,collapse on chair,lie down slow,lie down fast,turn lying,"
    "bend knees,bend down,car in and out,stumble,jump"
).split(",")
_CLASS_TITLES = {f"D{i:02}": f"D{i:02} {name}" for i, name in enumerate(_SISFALL, start=1)}


def class_title(name: str) -> str:
    """Return the name of a class for tables and figures."""
    if name in _CLASS_TITLES:
        return _CLASS_TITLES[name]
    return name.replace("_", " ").lower() if name.isupper() else name
