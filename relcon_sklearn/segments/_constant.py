"""A warning about segments that are constant over time, from which no movement can be learned."""

from __future__ import annotations

import numpy as np

from .._utils._warnings import warn
from ._array import SegmentArray
from ._magnitudes import magnitudes_of

# Segments with a smaller level, in relation to their magnitude, are not constant. The limit leaves
# room for rounding, and only decides which segments are compared value by value.
_LEAST_LEVEL = 0.999

# Rows that are read at once.
_N_AT_ONCE = 32


def warn_if_constant(array: SegmentArray) -> None:
    """Warn if all of up to 256 segments from all parts of an array are constant over time.

    An array is compared once, although nested estimators are trained with it too. Segments are read
    only if their magnitudes, which the array keeps, do not show a movement. A single segment, and
    segments of one time step, are not compared.
    """
    if array.is_checked_constant or min(array.shape[:2]) < 2:
        return
    array.is_checked_constant = True
    magnitude, level = magnitudes_of(array).T
    if (level < _LEAST_LEVEL * magnitude).any():
        return
    rows = array.spread_rows()
    blocks = np.split(rows, range(_N_AT_ONCE, len(rows), _N_AT_ONCE))
    if all(_are_constant(array.read(block)) for block in blocks):
        of_all = "all its segments" if len(rows) == len(array) else f"all {len(rows)} segments read"
        warn(
            f"{array.name} is constant over time in {of_all}, for example "
            f"{array.read(rows[:1])[0, 0].tolist()} in the first one. No movement can be learned "
            "from them. Check how the segments were made. To silence this warning, call "
            f'warnings.filterwarnings("ignore", message="{array.name} is constant over time").'
        )


def _are_constant(segments: np.ndarray) -> bool:
    """Return whether each segment has the same values at all time steps."""
    return bool((segments == segments[:, :1]).all())
