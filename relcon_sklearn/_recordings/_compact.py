"""Recordings of days in little memory: numbers of int16, and times of blocks of samples.

A week at 100 Hz needs 0.4 GB instead of the 1.6 GB of a DataFrame.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ._times import Times

_NS = 1e9  # in a second
_N_COUNTS = 2**16  # of int16

# The rate of a device may differ from the nominal one by this share. Longer blocks have a gap.
_DEVIATION = 0.1


class CompactSignal:
    """Acceleration in g as numbers. Indexing is as that of a float32 array (n_samples, 3).

    Parameters
    ----------
    counts : ndarray of shape (n_samples, 3), dtype int16
        A number for each value.
    values : ndarray of shape (3, 65536), dtype float32
        The acceleration that each number stands for on each axis. As in any array, negative numbers
        count from its end.
    gain, offset : ndarray of shape (3,) or None, default=None
        Calibration: ``(acceleration + offset) * gain``. Samples that are 0 on all axes stay 0. If
        None, there is none.
    """

    dtype = np.dtype(np.float32)

    def __init__(self, counts: np.ndarray, values: np.ndarray, gain=None, offset=None):
        self._counts, self._values, self._gain, self._offset = counts, values, gain, offset

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of the array."""
        return self._counts.shape

    def __len__(self) -> int:
        return len(self._counts)

    def __getitem__(self, rows):
        counts = self._counts[rows]
        g = np.empty(counts.shape, self.dtype)
        for axis, values in enumerate(self._values):
            g[..., axis] = values[counts[..., axis]]
        if self._gain is None:
            return g
        calibrated = (g.astype(np.float64) + self._offset) * self._gain
        idle = ~g.any(axis=-1, keepdims=True)
        return np.where(idle, 0, calibrated).astype(np.float32)

    def calibrated(self, gain: np.ndarray, offset: np.ndarray) -> CompactSignal:
        """Return the signal with a gain and offset of each axis."""
        return CompactSignal(self._counts, self._values, gain, offset)


class SignalInParts:
    """A signal that is read in parts, and becomes a :class:`CompactSignal`.

    Parameters
    ----------
    most : int
        Largest number of samples. Of those that are not there, no memory is used.
    """

    def __init__(self, most: int):
        self._counts, self._n = np.empty((most, 3), np.int16), 0
        self._values = np.full((3, _N_COUNTS), np.nan, np.float32)

    def append(self, acceleration: np.ndarray, counts: np.ndarray) -> bool:
        """Append a part, and return whether its numbers tell its values. If not, it is of no use.

        Parameters
        ----------
        acceleration : ndarray of shape (n_samples, 3)
            The part in g.
        counts : ndarray of shape (n_samples, 3)
            Whole numbers: equal ones for equal values, and different ones for different values.
        """
        # Of NaN, no comparison is true.
        if not (
            counts.min(initial=0) >= -_N_COUNTS // 2 and counts.max(initial=0) < _N_COUNTS // 2
        ):
            return False
        rows = slice(self._n, self._n + len(counts))
        self._counts[rows] = counts
        self._n = rows.stop
        for axis, known in enumerate(self._values):
            number, values = self._counts[rows, axis], known.copy()
            values[number] = acceleration[:, axis]
            changed = (values != known) & ~np.isnan(known)
            if changed.any() or (values[number] != acceleration[:, axis]).any():
                return False
            self._values[axis] = values
        return True

    def join(self) -> CompactSignal:
        """Return the signal."""
        return CompactSignal(self._counts[: self._n], self._values)


class BlockTimes:
    """Times of samples in blocks, in each of which they are evenly spaced.

    Indexing is as that of an array of datetime64[ns], of shape (n_samples,).

    Parameters
    ----------
    starts : ndarray of shape (n_blocks,), dtype int64
        Times of the first samples of blocks in ns since 1970.
    sizes : ndarray of shape (n_blocks,)
        Number of samples of each block, above 0.
    period : ndarray of shape (n_blocks,)
        Time from one sample of a block to the next, in ns.
    """

    dtype = np.dtype("datetime64[ns]")

    def __init__(self, starts: np.ndarray, sizes: np.ndarray, period: np.ndarray):
        self._starts, self._sizes, self._period = starts, sizes, period
        self._ends = np.cumsum(sizes)
        self._first = self._ends - sizes

    @classmethod
    def between(cls, starts: np.ndarray, sizes: np.ndarray, rate: float) -> BlockTimes:
        """Place the samples of each block evenly from its start to that of the next one.

        If a block is more than 10 % longer or shorter than the nominal `rate` in Hz tells, such as
        one before a gap, its samples have the median rate of the other blocks.
        """
        period = np.append(np.diff(starts) / sizes[:-1], np.nan)
        own = np.abs(period * rate / _NS - 1) <= _DEVIATION
        period[~own] = np.median(period[own]) if own.any() else _NS / rate
        return cls(starts, sizes, period)

    @classmethod
    def of(cls, stamps: np.ndarray, first: np.ndarray, rate: float) -> BlockTimes | None:
        """Return times as blocks, None if samples are not evenly spaced in them.

        Parameters
        ----------
        stamps : ndarray of shape (n_samples,), dtype int64
            Times in ns.
        first : ndarray of shape (n_blocks,)
            Number of the first sample of each block, beginning with 0.
        rate : float
            Nominal rate in Hz.
        """
        starts, sizes = stamps[first], np.diff(first, append=len(stamps))
        for period in (stamps[1] - stamps[0] if len(stamps) > 1 else 0, _NS / rate):
            times = cls(starts, sizes, np.full(len(first), period, np.float64))
            if np.array_equal(times[:].view(np.int64), stamps):
                return times
        return None

    @classmethod
    def join(cls, parts: list[BlockTimes]) -> BlockTimes:
        """Return the times of successive parts as one."""
        names = ("_starts", "_sizes", "_period")
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))

    @property
    def shape(self) -> tuple[int]:
        """Shape of the array."""
        return (len(self),)

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    def __getitem__(self, samples):
        if isinstance(samples, slice) and samples.step in (None, 1):
            number, block = self._consecutive(*samples.indices(len(self))[:2])
        else:
            if isinstance(samples, slice):
                samples = np.arange(*samples.indices(len(self)))
            number = np.asarray(samples)
            number = number + len(self) * (number < 0)
            block = np.searchsorted(self._ends, number, side="right")
        since = np.rint((number - self._first[block]) * self._period[block]).astype(np.int64)
        return (self._starts[block] + since).view(self.dtype)

    def _consecutive(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the numbers of consecutive samples, and the block of each, without a search."""
        stop = max(start, stop)
        number = np.arange(start, stop)
        first, last = np.searchsorted(self._ends, [start, stop - 1], side="right")
        ends = np.minimum(self._ends[first : last + 1], stop)
        return number, np.arange(first, last + 1).repeat(np.diff(ends, prepend=start))

    def moved(self, by: np.timedelta64) -> BlockTimes:
        """Return the times, moved."""
        starts = self._starts + by.astype("m8[ns]").astype(np.int64)
        return BlockTimes(starts, self._sizes, self._period)


@dataclass(frozen=True)
class CompactRecording:
    """A recording of acceleration in g, for predict_timeline.

    `attrs` are those of a DataFrame. Without `has_zone`, times are those of the device's clock.
    """

    signal: CompactSignal
    stamps: BlockTimes
    attrs: dict[str, Any]
    has_zone: bool = False

    @property
    def times(self) -> Times:
        """Times of the samples."""
        return Times(self.stamps, self.has_zone, "frame.index")
