"""Parameters that the generators share, and their validation."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from ._body import ACTIVITIES
from ._sites import SITES

# Constraints on the parameters of the body and the sensor, for `validate_params`.
MODEL_CONSTRAINTS = {
    "n_subjects": [Interval(Integral, 1, None, closed="left")],
    "sampling_rate": [Interval(Real, 0, np.inf, closed="neither")],
    "activities": [tuple, list, np.ndarray],
    "placement": [StrOptions(set(SITES))],
    "noise": [Interval(Real, 0, np.inf, closed="left")],
    "clipping": [Interval(Real, 0, np.inf, closed="right"), None],
    "dropout": [Interval(Real, 0, 1, closed="left")],
}

# Constraints on the parameters of segments.
SEGMENT_CONSTRAINTS = MODEL_CONSTRAINTS | {
    "n_segments": [Interval(Integral, 1, None, closed="left")],
    "n_timesteps": [Interval(Integral, 1, None, closed="left")],
    "n_hours": [Interval(Integral, 1, None, closed="left")],
    "orientation_changes": [StrOptions({"segment", "hour", "subject", "never"})],
}


def check_activities(activities):
    """Return the names of the activities as a tuple; raise ValueError if they are invalid."""
    known = list(ACTIVITIES)
    if np.ndim(activities) != 1 or len(activities) == 0:
        raise ValueError(
            f"activities must be a non-empty list of names out of {known}. Got {activities!r}."
        )
    names = [str(name) for name in activities]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f"activities={names} has unknown names {unknown}. Choose from {known}.")
    if len(set(names)) < len(names):
        raise ValueError(f"activities={names} has duplicate names. Pass each name once.")
    return tuple(names)


def check_sizes(n_segments, n_subjects):
    """Raise ValueError if there are fewer segments than subjects."""
    if n_segments < n_subjects:
        raise ValueError(
            f"n_segments={n_segments} is less than n_subjects={n_subjects}, but each subject needs "
            "at least one segment. Increase n_segments or decrease n_subjects."
        )
