"""The labelled sets of the model of activities: which of their labels are which of its classes.

Only sets whose licence permits to publish what was made from them are trained on. MotionSense,
whose licence asks that databases made from it are shared alike, is only predicted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.common.datasets import Spans, Task
from benchmarks.pretraining.open_sets import CC_BY, OPEN_SETS, OpenSet

LYING, SITTING, STANDING = POSTURES = ("lying", "sitting", "standing")
WALKING, STAIRS, RUNNING, CYCLING = "walking", "stairs", "running", "cycling"
OTHER = "other movement"
CLASSES = (LYING, SITTING, STANDING, WALKING, STAIRS, RUNNING, CYCLING, OTHER)

# Why labels are left out.
TRANSITION = "a change of posture, shorter than a window"
MIXED = "several classes in one label"
POSTURE = "sitting or standing, the authors do not say which"
HANDS = "a movement of the hands, which a device elsewhere does not measure"
FALL = "a fall"

SETS = {
    "hapt": OpenSet(
        "HAPT",
        "6 activities, and the changes between postures",
        CC_BY,
        "Reyes-Ortiz et al., Neurocomputing 171:754-767 (2016)",
    ),
    "wisdm": OpenSet(
        "WISDM",
        "18 activities",
        CC_BY,
        "Weiss, Yoneda, Hayajneh, IEEE Access 7:133190-133202 (2019)",
    ),
    **{
        name: OPEN_SETS[name]
        for name in ("dsads", "umafall", "exam_stress", "stress_predict", "seglearn")
    },
    "motionsense": OpenSet(
        "MotionSense", "6 activities", "ODbL", "Malekzadeh et al., IoTDI (2019)"
    ),
}
"""The sets, by name. The last one is only predicted."""

NOT_TRAINED_ON = "motionsense"
NOT_IN_ENCODER = ("hapt", "wisdm")  # of those that are trained on
SHORT = "umafall"  # trials of 15 s, whose windows overlap by half


class LabelledFile(NamedTuple):
    """An npz file of a labelled set, with one placement.

    Attributes
    ----------
    set : str
        Name of the set in `SETS`. Sets are left out as a whole, with all their placements.
    placement : str
        Where the device was worn.
    classes : Mapping
        The class of each label of the authors that is used.
    left_out : Mapping
        The reason for each other label.
    """

    set: str
    placement: str
    classes: Mapping[str, str]
    left_out: Mapping[str, str]


def _all(meaning: str, *labels: str) -> dict[str, str]:
    return dict.fromkeys(labels, meaning)


# -- labels of each set ----------------------------------------------------------------------------

_HAPT = {
    "LAYING": LYING,
    "SITTING": SITTING,
    "STANDING": STANDING,
    "WALKING": WALKING,
    **_all(STAIRS, "WALKING_UPSTAIRS", "WALKING_DOWNSTAIRS"),
}
_HAPT_LEFT_OUT = _all(
    TRANSITION,
    *("STAND_TO_SIT", "SIT_TO_STAND", "SIT_TO_LIE"),
    *("LIE_TO_SIT", "STAND_TO_LIE", "LIE_TO_STAND"),
)

_WISDM = {
    # The authors do not say it, but people type and write at a table.
    **_all(SITTING, "sitting", "typing", "writing"),
    "standing": STANDING,
    "walking": WALKING,
    "stairs": STAIRS,
    "jogging": RUNNING,
    **_all(OTHER, "kicking soccer ball", "playing catch", "dribbling basketball"),
}
_WISDM_HANDS = ("brushing teeth", "clapping", "folding clothes")
_WISDM_LEFT_OUT = _all(
    POSTURE, "drinking", "eating chips", "eating pasta", "eating sandwich", "eating soup"
)

_DSADS = {
    **_all(LYING, "lying on back", "lying on right side"),
    "sitting": SITTING,
    **_all(STANDING, "standing", "standing in an elevator"),
    "walking in a parking lot": WALKING,
    **_all(
        WALKING,
        "walking on a treadmill 4 km/h flat",
        "walking on a treadmill 4 km/h 15 deg inclined",
    ),
    **_all(STAIRS, "ascending stairs", "descending stairs"),
    "running on a treadmill 8 km/h": RUNNING,
    **_all(
        CYCLING,
        "cycling on an exercise bike horizontal",
        "cycling on an exercise bike vertical",
    ),
    **_all(OTHER, "exercising on a cross trainer", "exercising on a stepper"),
    **_all(OTHER, "jumping", "playing basketball", "rowing"),
}
_DSADS_LEFT_OUT = {"moving around in an elevator": MIXED}

_UMAFALL = {
    "Walking": WALKING,
    **_all(STAIRS, "GoUpstairs", "GoDownstairs"),
    "Jogging": RUNNING,
    **_all(OTHER, "Hopping", "Bending"),
}
_UMAFALL_HANDS = ("Aplausing", "HandsUp", "OpeningDoor")
_UMAFALL_LEFT_OUT = {
    **_all(TRANSITION, "LyingDown_OnABed", "Sitting_GettingUpOnAChair"),
    "MakingACall": POSTURE,
    **_all(FALL, "backwardFall", "forwardFall", "lateralFall"),
}

# Sets of one class show what it looks like on other people and devices. Two more sets that might be
# published are not used: Casale's is not calibrated, and ASSIST-IoT's, of stairs only, lowers the
# scores of other sets.
_EXAM = _all(SITTING, "university exam, seated (Midterm1)", "university exam, seated (Midterm2)")
_STRESS = {"seated stress protocol (Stroop, interview, hyperventilation, rests)": SITTING}
_SHOULDER = _all(OTHER, "ABD", "ER", "FEL", "IR", "PEN", "ROW", "TRAP")

_MOTIONSENSE = {
    "sitting": SITTING,
    "standing": STANDING,
    "walking": WALKING,
    **_all(STAIRS, "walking upstairs", "walking downstairs"),
    "jogging": RUNNING,
}


def _file(name: str, placement: str, classes, left_out, hands=()) -> LabelledFile:
    """Return a file. The wrist measures movements of the hands."""
    if placement == "wrist":
        return LabelledFile(name, placement, {**classes, **_all(OTHER, *hands)}, left_out)
    return LabelledFile(name, placement, classes, {**left_out, **_all(HANDS, *hands)})


FILES = {
    "hapt.npz": _file("hapt", "waist", _HAPT, _HAPT_LEFT_OUT),
    "wisdm51_watch.npz": _file("wisdm", "wrist", _WISDM, _WISDM_LEFT_OUT, _WISDM_HANDS),
    "wisdm51_phone.npz": _file("wisdm", "pocket", _WISDM, _WISDM_LEFT_OUT, _WISDM_HANDS),
    **{
        f"dsads_{part}.npz": _file("dsads", placement, _DSADS, _DSADS_LEFT_OUT)
        for part, placement in {
            "left_wrist": "wrist",
            "right_wrist": "wrist",
            "torso": "chest",
            "left_thigh": "thigh",
            "right_thigh": "thigh",
        }.items()
    },
    **{
        f"umafall_{part}.npz": _file(
            "umafall", placement, _UMAFALL, _UMAFALL_LEFT_OUT, _UMAFALL_HANDS
        )
        for part, placement in {
            "wrist": "wrist",
            "waist": "waist",
            "chest": "chest",
            "ankle": "ankle",
            "rightpocket": "pocket",
        }.items()
    },
    "exam_stress_wrist.npz": _file("exam_stress", "wrist", _EXAM, {}),
    "stress_predict_wrist.npz": _file("stress_predict", "wrist", _STRESS, {}),
    "seglearn_watch.npz": _file("seglearn", "wrist", _SHOULDER, {}),
    "motionsense_pocket.npz": _file("motionsense", "pocket", _MOTIONSENSE, {}),
}
"""The files, by name."""


def task_of(name: str) -> Task:
    """Return the task of a file: the class that more than half of a window has."""
    file = FILES[name]

    def label(data, spans: Spans) -> np.ndarray:
        unknown = {*data.label_names} - {*file.classes, *file.left_out}
        if unknown:
            raise ValueError(
                f"{name} has the labels {sorted(unknown)}, which {Path(__file__).name} does not "
                "have. Add their class, or the reason why they are left out."
            )
        found = []
        for recording, start, stop in zip(*spans, strict=True):
            labels, counts = np.unique(data.labels[recording][start:stop], return_counts=True)
            samples: Counter[str] = Counter()
            for one, count in zip(labels.tolist(), counts.tolist(), strict=True):
                samples[file.classes.get(one, "")] += count
            ((best, count),) = samples.most_common(1)
            found.append(best if 2 * count > stop - start else "")
        return np.array(found)

    title = f"{SETS[file.set].title}, {file.placement}"
    return Task(title, name, label, keep=_near_one_g, overlap=0.5 if file.set == SHORT else 0.0)


def _near_one_g(data) -> np.ndarray:
    # Four of UMAFall's recordings are too far from 1 g for `segment_recordings`.
    medians = [np.median(np.linalg.norm(x, axis=1)) for x in data.recordings]
    return np.abs(np.log(medians)) < np.log(3)
