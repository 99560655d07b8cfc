"""Groups of segments: their rows, random draws from them, and splits by group."""

from __future__ import annotations

import numpy as np

from ..segments._runs import RunLabels, Runs, run_starts


class GroupIndex:
    """Rows of each group, and random draws from them.

    Rows in use are numbered by their position: first the rows of the first group in order, then the
    rows of the second group, and so on. Memory and time grow with the number of runs of consecutive
    rows of one group, which is small for segments in the order of recording.

    Parameters
    ----------
    labels : ndarray of shape (n_groups,)
        Label of each group.
    sizes : ndarray of shape (n_groups,)
        Number of rows of each group.
    runs : Runs
        The rows of all groups, one group after the other.
    """

    def __init__(self, labels: np.ndarray, sizes: np.ndarray, runs: Runs):
        self.labels, self.sizes, self.runs = labels, sizes, runs
        # Position of the first row of each group, and the end.
        self.edges = np.concatenate([[0], np.cumsum(sizes)])

    @classmethod
    def from_labels(cls, groups) -> GroupIndex:
        """Return the index of all rows.

        Parameters
        ----------
        groups : RunLabels or array-like of shape (n_segments,)
            Group of each row, of any sortable type.
        """
        if not isinstance(groups, RunLabels):
            groups = np.asarray(groups)
            first = run_starts(groups)
            groups = RunLabels(groups[first], np.diff(first, append=len(groups)))
        labels, codes = np.unique(groups.labels, return_inverse=True)
        sizes = np.zeros(len(labels), dtype=np.int64)
        np.add.at(sizes, codes, groups.runs.sizes)
        return cls(labels, sizes, groups.runs.take(np.argsort(codes, kind="stable")))

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def n_rows(self) -> int:
        """Number of rows in use."""
        return self.runs.n_rows

    @property
    def rows(self) -> np.ndarray:
        """All rows in use, in the order of their positions."""
        return self.rows_at(np.arange(self.n_rows))

    def rows_at(self, positions: np.ndarray) -> np.ndarray:
        """Return the row at each position."""
        return self.runs.rows_at(positions)

    def select(self, chosen: np.ndarray) -> GroupIndex:
        """Return an index of the groups in `chosen`, a mask of shape (n_groups,)."""
        group_of_run = np.searchsorted(self.edges, self.runs.edges[:-1], side="right") - 1
        return GroupIndex(
            self.labels[chosen], self.sizes[chosen], self.runs.take(chosen[group_of_run])
        )

    def sample_within_group(
        self, positions: np.ndarray, k: int, rng: np.random.Generator
    ) -> np.ndarray:
        """Draw `k` distinct other members of the group of each position, all equally likely.

        If a group has fewer than `k` other members, all of them are returned.

        Parameters
        ----------
        positions : ndarray of shape (n,)
            Positions for which to draw.
        k : int
            Number of members to draw for each position.
        rng : numpy.random.Generator
            Source of randomness.

        Returns
        -------
        members : ndarray of shape (n, k)
            Positions of the members, filled up with -1.
        """
        codes = np.searchsorted(self.edges, positions, side="right") - 1
        n_others = self.sizes[codes] - 1
        chosen = np.full((len(positions), k), -1)
        # Floyd's algorithm for a sample without replacement, on all positions at once: step i draws
        # from the first `last + 1` others, and takes `last` if that one was drawn before.
        for i in range(k):
            last = np.maximum(n_others - k, 0) + i
            draw = rng.integers(0, np.minimum(last, np.maximum(n_others - 1, 0)) + 1)
            draw = np.where((chosen[:, :i] == draw[:, None]).any(axis=1), last, draw)
            chosen[:, i] = np.where(last < n_others, draw, -1)
        start = self.edges[codes][:, None]
        others = chosen + (chosen >= positions[:, None] - start)
        return np.where(chosen >= 0, start + others, -1)

    def sample_evenly(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Draw `n` distinct rows at random, as evenly over the groups as their sizes allow.

        Returns
        -------
        rows : ndarray of shape (min(n, n_rows),)
            Row numbers in ascending order.
        """
        counts = _even_counts(self.sizes, n, rng)
        positions = [
            self.edges[code] + rng.choice(self.sizes[code], counts[code], replace=False)
            for code in np.flatnonzero(counts)
        ]
        return np.sort(self.rows_at(np.concatenate([np.arange(0), *positions])))


def _even_counts(sizes: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Return how many of `n` places each group gets in turns; the last turn is at random."""
    turns = 0
    while np.minimum(sizes, turns + 1).sum() <= n and turns < sizes.max():
        turns += 1
    counts = np.minimum(sizes, turns)
    more = np.flatnonzero(sizes > turns)
    last = rng.choice(more, min(n - counts.sum(), len(more)), replace=False)
    counts[last] += 1
    return counts


def hold_out_groups(
    index: GroupIndex, fraction: float, rng: np.random.Generator
) -> tuple[GroupIndex, GroupIndex | None]:
    """Split rows into a training and a validation part that share no group.

    Parameters
    ----------
    index : GroupIndex
        Groups of the rows.
    fraction : float
        Fraction of the groups to hold out. The number of groups is rounded, and is at least one if
        `fraction` is positive.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    train : GroupIndex
        The training part.
    valid : GroupIndex or None
        The validation part. None if `fraction` is 0, if there is only one group, or if either part
        would have fewer than two segments. The training part then has all rows.
    """
    if fraction == 0 or len(index) < 2:
        return index, None
    order = rng.permutation(len(index))
    # Add groups until the validation part has at least two segments, which ranking needs.
    n_held = max(1, round(fraction * len(index)))
    while n_held < len(index) - 1 and index.sizes[order[:n_held]].sum() < 2:
        n_held += 1
    held = np.zeros(len(index), dtype=bool)
    held[order[: min(n_held, len(index) - 1)]] = True
    train, valid = index.select(~held), index.select(held)
    return (index, None) if min(train.n_rows, valid.n_rows) < 2 else (train, valid)
