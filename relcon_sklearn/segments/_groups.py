"""Groups of segments: whose they are, drawing from them, splitting by them."""

from __future__ import annotations

import numpy as np


class GroupIndex:
    """Rows of each group, and draws from them.

    Parameters
    ----------
    groups : array-like of shape (n_segments,)
        Group of each segment, of any sortable type.
    """

    def __init__(self, groups: np.ndarray):
        self.labels, self.codes = np.unique(groups, return_inverse=True)
        self.sizes = np.bincount(self.codes, minlength=len(self.labels))
        self.starts = np.concatenate([[0], np.cumsum(self.sizes)[:-1]])
        # Rows sorted by group: group c is by_group[starts[c] : starts[c] + sizes[c]].
        self.by_group = np.argsort(self.codes, kind="stable")
        self._position = np.empty_like(self.by_group)
        self._position[self.by_group] = np.arange(len(self.by_group))

    def __len__(self) -> int:
        return len(self.labels)

    def draw_mates(self, rows: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
        """Draw, for each row, `k` distinct other rows of its group, all equally likely.

        A group with fewer than `k` others gives all it has.

        Parameters
        ----------
        rows : ndarray of shape (n_rows,)
            Rows to find mates for.
        k : int
            Mates wanted.
        rng : numpy.random.Generator
            Source of randomness.

        Returns
        -------
        mates : ndarray of shape (n_rows, k)
            Row numbers; -1 where the group has no more.
        """
        codes = self.codes[rows]
        n_others = self.sizes[codes] - 1
        chosen = np.full((len(rows), k), -1)
        # Floyd's algorithm for a sample without replacement, on all rows at once: step i draws
        # from the first `last + 1` others, and takes `last` itself if the draw was taken before.
        for i in range(k):
            last = np.maximum(n_others - k, 0) + i
            draw = rng.integers(0, np.minimum(last, np.maximum(n_others - 1, 0)) + 1)
            draw = np.where((chosen[:, :i] == draw[:, None]).any(axis=1), last, draw)
            chosen[:, i] = np.where(last < n_others, draw, -1)
        own = self._position[rows] - self.starts[codes]
        offset = chosen + (chosen >= own[:, None])
        mates = self.by_group[np.minimum(self.starts[codes][:, None] + offset, len(self.codes) - 1)]
        return np.where(chosen >= 0, mates, -1)

    def spread(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Draw `n` distinct rows as evenly over the groups as their sizes allow, in order.

        Returns
        -------
        rows : ndarray of shape (min(n, n_segments),)
            Row numbers, ascending.
        """
        shuffled = rng.permutation(len(self.codes))
        shuffled = shuffled[np.argsort(self.codes[shuffled], kind="stable")]
        # The i-th member of every group comes before the i+1-st of any; groups in random order.
        turn = np.arange(len(shuffled)) - np.repeat(self.starts, self.sizes)
        group_order = rng.permutation(len(self))[self.codes[shuffled]]
        return np.sort(shuffled[np.lexsort((group_order, turn))[:n]])


def hold_out_groups(
    index: GroupIndex, fraction: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Split rows into a training and a validation part that share no group.

    Parameters
    ----------
    index : GroupIndex
        The groups.
    fraction : float
        Fraction of the groups to hold out, rounded, but at least one group where positive.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    train, valid : ndarray
        Row numbers, ascending. `valid` is empty if `fraction` is 0, or if either part would be
        left with fewer than two segments.
    """
    everything = np.arange(len(index.codes))
    if fraction == 0 or len(index) < 2:
        return everything, everything[:0]
    order = rng.permutation(len(index))
    # More groups than asked for, where those drawn are too small to be ranked among themselves.
    n_held = max(1, round(fraction * len(index)))
    while n_held < len(index) - 1 and index.sizes[order[:n_held]].sum() < 2:
        n_held += 1
    held = np.zeros(len(index), dtype=bool)
    held[order[: min(n_held, len(index) - 1)]] = True
    valid = held[index.codes]
    if valid.sum() < 2 or (~valid).sum() < 2:
        return everything, everything[:0]
    return everything[~valid], everything[valid]
