"""Times of samples: gaps, stretches without gaps, and the regular grid of each stretch."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

import numpy as np

from ._interpolate import interpolate
from ._rows import AsFloat, Ranges, Taken, rows_of
from ._stamps import Positions

SHORTEST_GAP = 1.5  # sample periods

_SAMPLES_AT_ONCE = 2**14  # so that temporary arrays stay in the cache

# Tolerance of comparisons of timestamps, in seconds: float64 seconds since 1970 resolve 0.2 us.
RESOLUTION = 1e-6


@dataclass(frozen=True)
class SampleTimes:
    """Samples of a recording that are in use, and their times.

    `rows` are the row numbers of the samples, None if all are in use. `position` is their time
    since the start of the recording, in sample periods, and None stands for 0, 1, 2, ...
    """

    n_samples: int
    rows: Ranges | Taken | None = None
    position: Positions | Taken | AsFloat | np.ndarray | None = None

    def keep(self, rows: Ranges) -> SampleTimes:
        """Return the times of some of the samples, given as indices into them."""
        kept = rows if self.rows is None else Taken(self.rows, rows)
        position = AsFloat(rows) if self.position is None else Taken(self.position, rows)
        return SampleTimes(len(rows), kept, position)

    def seconds(self, rate: float, samples) -> np.ndarray:
        """Return the times of some samples in seconds since the start of the recording.

        `samples` is a slice with both ends, or an array of numbers.
        """
        if self.position is not None:
            return self.position[samples] / rate
        is_slice = isinstance(samples, slice)
        return (np.arange(samples.start, samples.stop) if is_slice else samples) / rate

    def take(self, values: np.ndarray, samples: slice) -> np.ndarray:
        """Return the rows of `values` of some samples, as a view if the rows are consecutive."""
        return values[samples] if self.rows is None else rows_of(values, self.rows[samples])

    def used(self, values):
        """Return the rows of `values` of all samples, which are looked up where they are needed."""
        return values if self.rows is None else Taken(values, self.rows)


@dataclass(frozen=True)
class Stretches:
    """Runs of samples without gaps, as arrays with one entry for each stretch.

    Stretch i has the samples ``first[i]:stop[i]``. It starts at ``origin[i]``, in sample periods
    since the start of the recording. Its regular grid has ``n_grid[i]`` points, one period apart.
    ``on_grid[i]`` is whether each sample is nearest to a separate grid point.
    """

    first: np.ndarray
    stop: np.ndarray
    origin: np.ndarray
    n_grid: np.ndarray
    on_grid: np.ndarray

    def __len__(self) -> int:
        return len(self.first)

    def select(self, which: np.ndarray) -> Stretches:
        """Return some of the stretches."""
        return Stretches(*(getattr(self, name)[which] for name in self.__dataclass_fields__))


def find_stretches(
    sample_times: SampleTimes, rate: float, max_gap: float | None = None
) -> Stretches:
    """Split samples at the gaps between them.

    A gap is a spacing above 1.5 sample periods, or above `max_gap` seconds if it is not None.
    """
    n, position = sample_times.n_samples, sample_times.position
    if position is None or n == 0:
        one = np.arange(min(n, 1))  # one stretch from 0, or no stretch
        return Stretches(one, one + n, one.astype(np.float64), one + n, one == 0)
    slack = RESOLUTION * rate
    limit = SHORTEST_GAP if max_gap is None else max_gap * rate
    cuts, off_grid, last_origin = [np.zeros(1, dtype=np.int64)], [], position[0]
    last_first, last_off = 0, -1  # the first sample of the last stretch, the last one off the grid
    for start in range(0, n - 1, _SAMPLES_AT_ONCE):
        some = position[start : start + _SAMPLES_AT_ONCE + 1]  # shares a value with the next part
        spacing = some[1:] - some[:-1]
        cut = np.flatnonzero(spacing > limit + slack) + 1
        if len(cut) == 0 and last_off >= last_first:
            continue  # the last stretch is known to be off the grid
        origins = np.append(last_origin, some[cut])
        nearest = np.rint(some - origins.repeat(np.diff(cut, prepend=0, append=len(some))))
        # Except across a gap, neighbouring samples must be nearest to neighbouring grid points.
        off = np.flatnonzero((np.diff(nearest) != 1) & (spacing <= SHORTEST_GAP + slack))
        cuts.append(start + cut)
        off_grid.append(start + off)
        last_origin = origins[-1]
        last_first, last_off = cuts[-1].max(initial=last_first), off_grid[-1].max(initial=last_off)
    first = np.concatenate(cuts)
    stop = np.append(first[1:], n)
    origin = position[first]
    on_grid = np.ones(len(first), dtype=bool)
    for off in off_grid:
        on_grid[np.searchsorted(first, off, side="right") - 1] = False
    last = position[stop - 1] - origin
    length = np.where(on_grid, np.rint(last), np.floor(last + slack)).astype(np.int64)
    return Stretches(first, stop, origin, length + 1, on_grid)


def check_max_gap(max_gap: float | None, nonwear: float | None, lowest_rate: float) -> None:
    """Raise ValueError if `max_gap` is too short to fill a gap, or would fill non-wear."""
    if max_gap is not None and max_gap < SHORTEST_GAP / lowest_rate:
        raise ValueError(
            f"max_gap={max_gap:g} s is below {SHORTEST_GAP} sample periods "
            f"({SHORTEST_GAP / lowest_rate:.4g} s at {lowest_rate:g} Hz), the length of the "
            "shortest gap. Raise max_gap, or pass None to fill no gap."
        )
    if None not in (max_gap, nonwear) and max_gap >= 60 * nonwear:
        raise ValueError(
            f"max_gap={max_gap:g} s would fill the gaps that nonwear={nonwear:g} minutes makes. "
            "Lower max_gap."
        )


def signal_on_grid(
    signal: np.ndarray,
    sample_times: SampleTimes,
    stretches: Stretches,
    i: int,
    points: slice | None = None,
) -> np.ndarray:
    """Return stretch `i` of `signal`, (n_samples, n_channels), on its grid.

    Values are interpolated if samples are not on the grid. They are float32, or float64 if the
    dtype of `signal` does not fit into float32. `points` selects points of the grid, by default
    all.
    """
    first, stop, n_grid = (int(of[i]) for of in (stretches.first, stretches.stop, stretches.n_grid))
    points = slice(0, n_grid) if points is None else points
    if stretches.on_grid[i] and stop - first == n_grid:
        return _as_float(
            sample_times.take(signal, slice(first + points.start, first + points.stop))
        )
    # One more sample on each side than needed, because positions may be rounded.
    begin, end = (
        bisect_right(sample_times.position, stretches.origin[i] + point, first, stop)
        for point in (points.start, points.stop - 1)
    )
    samples = slice(max(begin - 2, first), min(end + 2, stop))
    values = _as_float(sample_times.take(signal, samples))
    knots = _knots(sample_times, stretches, i, samples)
    return interpolate(values, knots, points.start, points.stop)


def codes_on_grid(codes: np.ndarray, sample_times: SampleTimes, stretches: Stretches, i: int):
    """Return the codes of stretch `i` on its grid, each point with that of the nearest sample."""
    samples = slice(stretches.first[i], stretches.stop[i])
    values, n_grid = sample_times.take(codes, samples), int(stretches.n_grid[i])
    if stretches.on_grid[i] and len(values) == n_grid:
        return values
    knots = _knots(sample_times, stretches, i)
    return values[np.searchsorted((knots[1:] + knots[:-1]) / 2, np.arange(n_grid))]


def _as_float(values: np.ndarray) -> np.ndarray:
    small = np.result_type(values.dtype, np.float32) == np.float32
    return values.astype(np.float32 if small else np.float64, copy=False)


def _knots(
    sample_times: SampleTimes, stretches: Stretches, i: int, samples: slice | None = None
) -> np.ndarray:
    """Return the positions of samples of stretch `i`, by default all, on its grid."""
    samples = slice(stretches.first[i], stretches.stop[i]) if samples is None else samples
    knots = sample_times.position[samples] - stretches.origin[i]
    return np.rint(knots) if stretches.on_grid[i] else knots
