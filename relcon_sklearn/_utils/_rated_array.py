"""Segments in memory that know their sampling rate."""

from __future__ import annotations

import numpy as np


class RatedArray(np.ndarray):
    """Array of segments that knows their sampling rate.

    Selected rows, copies and the results of element-wise arithmetic have the rate too. That of all
    other results is not known, because they may have other time steps: ``numpy.asarray(X)``,
    several arrays that are joined, and the sum of arrays of different rates are ordinary arrays.

    Attributes
    ----------
    sampling_rate : float or None
        Sampling rate in Hz.

    Examples
    --------
    >>> import numpy as np
    >>> X = with_rate(np.zeros((5, 64, 3)), 50.0)
    >>> X[[0, 3]].sampling_rate, type(X[:, ::2])
    (50.0, <class 'numpy.ndarray'>)
    """

    def __array_finalize__(self, source):
        self.sampling_rate = None  # the methods below set it
        self._values = None

    def __getitem__(self, key):
        if not _keeps_time(key, self.ndim):
            return np.asarray(self)[key]
        return self._with_same_rate(super().__getitem__(key))

    def __array_wrap__(self, array, context=None, return_scalar=False):
        if array.ndim == 0:  # as of a sum
            return array[()]
        inputs = context[1] if context else ()
        rates = {value.sampling_rate for value in inputs if isinstance(value, RatedArray)}
        return np.asarray(array) if len(rates) > 1 else self._with_same_rate(array)

    def __copy__(self):
        return self.copy()

    def __deepcopy__(self, memo):
        return self.copy()

    def __reduce__(self):
        # Always the same array, so that joblib writes it to one file for all tasks.
        is_same = self._values is not None and self._values.shape == self.shape
        return with_rate, (self._values if is_same else np.asarray(self), self.sampling_rate)

    def astype(self, *args, **kwargs):
        """Return the segments in another dtype."""
        return self._with_same_rate(super().astype(*args, **kwargs))

    def copy(self, order="C"):
        """Return a copy."""
        return self._with_same_rate(super().copy(order))

    def take(self, indices, axis=None, out=None, mode="raise"):
        """Return selected entries of an axis."""
        taken = super().take(indices, axis, out, mode)
        return self._with_same_rate(taken) if axis == 0 else np.asarray(taken)

    def _with_same_rate(self, result):
        """Return a result with the rate if it has other rows at most, else as an ordinary array."""
        if not isinstance(result, np.ndarray):
            return result
        is_alike = result.ndim == self.ndim and result.shape[1:] == self.shape[1:]
        if self.sampling_rate is None or not is_alike:
            return np.asarray(result)
        return with_rate(result, self.sampling_rate)


def with_rate(values: np.ndarray, sampling_rate: float | None) -> RatedArray:
    """Return a view of an array that knows its sampling rate."""
    rated = values.view(RatedArray)
    rated.sampling_rate, rated._values = sampling_rate, np.asarray(values)
    return rated


def _keeps_time(key, n_axes: int) -> bool:
    """Return whether an index of segments does not select time steps by their numbers.

    As many may be selected as there are, with repetitions: those have another rate.
    """
    parts = list(key) if isinstance(key, tuple) else [key]
    dots = next((i for i, part in enumerate(parts) if part is Ellipsis), len(parts))
    parts[dots : dots + 1] = [slice(None)] * (n_axes - len(parts) + 1)
    return all(isinstance(part, slice) for part in parts[1:2])
