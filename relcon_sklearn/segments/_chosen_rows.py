"""Selected rows of an array, as an array."""

from __future__ import annotations

import numpy as np

from ._array import SegmentArray
from ._lazy import LazyArray


class ChosenRows(LazyArray):
    """View of selected rows of an array of segments.

    Parameters
    ----------
    array : SegmentArray
        The segments.
    rows : ndarray of shape (n_rows,)
        Numbers of the selected rows, in the order of the view.
    """

    def __init__(self, array: SegmentArray, rows: np.ndarray):
        self.array = array
        self.rows = rows
        self.shape = (len(rows), *array.shape[1:])
        self.dtype = np.dtype(np.float32)
        self.sampling_rate = array.sampling_rate
        self.rate_is_parameter = array.rate_is_parameter

    def _read(self, rows: np.ndarray) -> np.ndarray:
        return self.array.read(self.rows[rows])
