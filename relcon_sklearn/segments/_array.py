"""SegmentArray: rows of any large array, read as checked float32 segments."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from ._lazy import LazyArray
from ._mapped import MappedRows
from ._sampling_rate import rate_of

# Larger values make variances overflow in the float32 arithmetic of an embedding.
LARGEST_VALUE = 1e12

# What to do about segments of different lengths.
ONE_LENGTH = (
    "All segments of an array must have one length. Cut recordings into segments of one length, "
    "for example with relcon_sklearn.segment_recordings. To transform or predict, pass the "
    "segments of each length separately."
)

# What to do about segments with missing values.
_DROP_OR_FILL = "Drop such segments, or fill their gaps first."

# Bytes of segments read at once when a whole array is checked.
_SCAN_BYTES = 2**24

# Number of rows that stand for an array, in a checksum and in the magnitudes.
_N_SPREAD = 256


class SegmentArray:
    """View of array-like data as segments, read a few rows at a time.

    Only the requested rows are copied. They are returned as a new, writable float32 array after
    their values were checked. 2-D data are flat segments: (n_segments, n_timesteps * n_channels).

    Parameters
    ----------
    X : array-like of shape (n_segments, n_timesteps, n_channels) or (n_segments, n_columns)
        Any object with ``shape``, ``dtype`` and row indexing: ndarray, memmap, h5py or zarr array,
        torch tensor. Values are real numbers of any width. Integers are cast without scaling.
    name : str, default="X"
        Name used in error messages.
    given : object or None, default=None
        What the user passed, if `X` was converted from it: a data frame has names of columns.
    n_channels : int, default=1
        Number of channels of 2-D data. It divides the number of columns.

    Attributes
    ----------
    sampling_rate : float or None
        Sampling rate in Hz: the one that `given` has, or the one of :meth:`set_rate`.
    rate_is_parameter : bool
        Whether the sampling rate is a parameter of an estimator, because `given` has none.
    magnitudes : ndarray or None
        Magnitude and level of some segments, if they have been computed.
    is_checked_constant : bool
        Whether its segments have been compared over time, and a warning told if they are constant.
    """

    def __init__(self, X, name: str = "X", given=None, n_channels: int = 1):
        self.X = X
        self.given = X if given is None else given
        self.name = name
        self.n_channels = n_channels if len(X.shape) == 2 else X.shape[2]
        self.sampling_rate = rate_of(self.given)
        self.rate_is_parameter = getattr(self.given, "rate_is_parameter", False) is True
        self.magnitudes: np.ndarray | None = None
        self.is_checked_constant = False
        self._is_checked = False
        self._listeners: list[Callable[[np.ndarray, np.ndarray], None]] = []
        self._mapped = MappedRows(X) if isinstance(X, np.memmap) else None

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of segments, time steps and channels."""
        if len(self.X.shape) == 3:
            return tuple(self.X.shape)
        n_segments, n_columns = self.X.shape
        return n_segments, n_columns // self.n_channels, self.n_channels

    def __len__(self) -> int:
        return self.X.shape[0]

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Return the given rows as a new float32 array (len(rows), n_timesteps, n_channels).

        Raises
        ------
        ValueError
            If a value is NaN, infinite, or too large to compute with, or if the rows read do not
            have the shape and dtype of the array.
        """
        rows = np.asarray(rows)
        values = np.ascontiguousarray(self._read(rows), dtype=np.float32)
        # Reshaped through one dimension: otherwise an axis of size one could keep any stride, and
        # torch chooses its kernels by strides.
        segments = values.reshape(-1).reshape(len(rows), *self.shape[1:])
        for listen in self._listeners:
            listen(rows, segments)
        return segments

    def check(self) -> None:
        """Read every row once, in order, to raise the errors of :meth:`read`.

        Their values are not checked again when they are read later.
        """
        for rows in self.chunks(_SCAN_BYTES):
            self._read(rows)
        self._is_checked = True

    def chunks(self, n_bytes: int) -> list[np.ndarray]:
        """Split the row numbers into runs of at most `n_bytes` of float32 segments each."""
        n_rows = max(1, n_bytes // (4 * self.shape[1] * self.shape[2]))
        return [np.arange(i, min(i + n_rows, len(self))) for i in range(0, len(self), n_rows)]

    def on_read(self, listen: Callable[[np.ndarray, np.ndarray], None]) -> None:
        """Call a function with the row numbers and the float32 segments of each :meth:`read`."""
        self._listeners.append(listen)

    def set_rate(self, rate: float) -> None:
        """Set the sampling rate to a parameter of an estimator.

        The estimators nested in it then compare their rates with the parameter.
        """
        self.rate_is_parameter |= self.sampling_rate is None
        self.sampling_rate = rate

    def spread_rows(self) -> np.ndarray:
        """Return the numbers of up to 256 evenly spaced rows, increasing."""
        if len(self) <= _N_SPREAD:
            return np.arange(len(self))
        rows = np.linspace(0, len(self) - 1, _N_SPREAD).round()
        return np.unique(rows.astype(np.int64))

    def _read(self, rows: np.ndarray) -> np.ndarray:
        """Return the rows, checked, in new memory."""
        try:
            values = self._fetch(rows)
        except (LookupError, TypeError) as error:  # all rows are in range
            raise ValueError(
                f"{self.name} of shape {tuple(self.X.shape)} could not be read between its rows "
                f"{rows.min()} and {rows.max()}: {error!r}"
            ) from error
        expected = (len(rows), *self.X.shape[1:])
        if values.shape != expected or values.dtype.kind not in "fiub":
            raise ValueError(
                f"{self.name} returned an array of shape {values.shape} and dtype {values.dtype} "
                f"for rows {rows.min()} to {rows.max()}. Expected shape {expected} and real "
                "numbers."
            )
        values = values.reshape(len(rows), *self.shape[1:])
        if not self._is_checked:
            check_values(values, rows, self.name)
        return values

    def _fetch(self, rows: np.ndarray) -> np.ndarray:
        """Return the rows in new memory, because torch may write to read-only arrays."""
        if isinstance(self.X, torch.Tensor):
            values = self.X.detach()[torch.from_numpy(rows.copy()).to(self.X.device)].cpu()
            # NumPy lacks some of torch's narrow floating-point dtypes.
            narrow = values.is_floating_point() and values.itemsize < 4
            return (values.float() if narrow else values).numpy()
        if isinstance(self.X, np.ndarray):
            return self.X[rows] if self._mapped is None else self._mapped.read(rows)
        if isinstance(self.X, LazyArray):
            return np.asarray(self.X[rows])
        # h5py requires increasing and distinct row numbers.
        unique, inverse = np.unique(rows, return_inverse=True)
        values = self.X[unique]
        return (values if isinstance(values, np.ma.MaskedArray) else np.asarray(values))[inverse]


def check_values(values: np.ndarray, rows: np.ndarray, name: str = "X") -> None:
    """Raise ValueError if `values` hold NaN, infinity or numbers too large to compute with.

    Parameters
    ----------
    values : ndarray of shape (n_rows, ...)
        Values read. If it is a masked array, no value may be masked.
    rows : ndarray of shape (n_rows,)
        Row number of each entry of `values`, for the error message.
    name : str, default="X"
        Name of the array, for the error message.
    """
    if np.ma.is_masked(values):
        masked = np.ma.getmaskarray(values).reshape(len(values), -1).any(axis=1)
        raise ValueError(
            f"{name} contains masked values: first in row {rows[masked].min()}. {_DROP_OR_FILL}"
        )
    if values.size == 0 or values.dtype.kind not in "fiu":
        return
    # Two reductions without a temporary array. NaN makes both comparisons false.
    if float(values.max()) <= LARGEST_VALUE and float(values.min()) >= -LARGEST_VALUE:
        return
    flat = values.reshape(len(values), -1).astype(np.promote_types(values.dtype, np.float64))
    usable = (flat <= LARGEST_VALUE) & (flat >= -LARGEST_VALUE)
    # The smallest row number, not the first in the order of reading.
    bad = np.flatnonzero(~usable.all(axis=1))
    i = bad[np.argmin(rows[bad])]
    value = flat[i][~usable[i]][0]
    if np.isfinite(value):
        size = np.format_float_scientific(value, precision=2, trim="-")
        raise ValueError(
            f"{name} contains a value too large to compute with: {size} in row {rows[i]} "
            f"(at most {LARGEST_VALUE:g}). Scale the data: accelerations are expected in g."
        )
    n_padded = _n_padded(flat[i].reshape(values.shape[1:]))
    raise ValueError(
        f"{name} contains NaN or infinity: first in row {rows[i]} ({value}). "
        + (
            f"Its last {n_padded} time steps are padding. {ONE_LENGTH}"
            if n_padded
            else _DROP_OR_FILL
        )
    )


def _n_padded(segment: np.ndarray) -> int:
    """Return the number of NaN time steps at the end of a segment, if all others are finite.

    tslearn's ``to_time_series_dataset`` pads segments of different lengths like this.
    """
    n_steps = len(segment)
    n_finite = np.isfinite(segment.reshape(n_steps, -1)).all(axis=1).argmin()
    return (n_steps - n_finite) if n_finite > 0 and np.isnan(segment[n_finite:]).all() else 0
