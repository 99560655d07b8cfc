"""Batches in which every segment is an anchor and anchors share their candidates."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from ..segments._array import SegmentArray
from ._batches import Batch, Batches, all_of, numbered, random_rows, sample_candidates
from ._groups import GroupIndex
from ._order import random_order, slices_of


class SharedBatches(Batches):
    """Batches of an epoch, with `batch_size` sets of up to ``1 + n_within`` members of one group.

    Every segment of a batch is an anchor. Its within-subject candidates are the other members of
    its set. Its other candidates are one member of each other set, drawn at random. An anchor has
    the same number of candidates as in :class:`Batches`, and a batch has the same number of
    segments, but ``1 + n_within`` times more anchors. One pass through the encoder serves them all.

    In a pass each segment is in one batch. Every pass splits the rows of a group again into sets
    of almost equal size.

    Parameters are the same as in :class:`Batches`, except that `batch_size` is the number of sets
    per batch.
    """

    def __init__(
        self,
        array: SegmentArray,
        index: GroupIndex,
        batch_size: int,
        seed: int,
        n_within: int = 0,
        n_between: int | None = None,
        n_batches: int | None = None,
        share: Callable[[int], slice] = all_of,
    ):
        super().__init__(array, index, batch_size, seed, n_within, n_between, n_batches, share)
        self._n_sets = -(-index.sizes // (1 + n_within))  # of each group
        self._edges = np.concatenate([[0], np.cumsum(self._n_sets)])

    @property
    def n_items(self) -> int:
        """Number of sets."""
        return int(self._edges[-1])

    def _make(self, items: np.ndarray, n_pass: int, rng: np.random.Generator) -> Batch:
        sets = self._members(items, n_pass)
        positions, number = numbered(np.concatenate(sets))
        sizes, own = np.array([len(members) for members in sets]), self.share(len(number))
        random = partial(random_rows, rng, len(number), own)
        lists = _candidate_lists(sizes, own, self.n_between, random)
        candidates = np.append(number, -1)[lists]
        return self._batch(positions, number[own], candidates, len(number), rng)

    def _members(self, numbers: np.ndarray, n_pass: int) -> list[np.ndarray]:
        """Return the positions of the members of each of several sets of a pass."""
        groups = np.searchsorted(self._edges, numbers, side="right") - 1
        orders, parts = [], []
        for number, group in zip(numbers.tolist(), groups.tolist(), strict=True):
            size, n_sets = int(self.index.sizes[group]), int(self._n_sets[group])
            place = number - int(self._edges[group])
            orders.append(random_order(size, [self.seed, n_pass, group], largest_table=2**12))
            parts.append(slice(place * size // n_sets, (place + 1) * size // n_sets))
        chosen = slices_of(orders, parts)
        return [start + some for start, some in zip(self.index.edges[groups], chosen, strict=True)]


def _candidate_lists(
    sizes: np.ndarray,
    own: slice,
    n_between: int | None,
    random: Callable[[int], np.ndarray],
) -> np.ndarray:
    """Return the candidates of some members of sets, (n_anchors, 1 + n_within + n_sets).

    Members are numbered from the first one of the first set to the last one of the last set.
    Negative numbers stand for no candidate. As sets have no members in common, no candidate is
    repeated.

    Parameters
    ----------
    sizes : ndarray of shape (n_sets,)
        Number of members of each set.
    own : slice
        The members to return the candidates of, which are the anchors.
    n_between : int or None
        Number of candidates to draw from the other sets. If None, one of each.
    random : callable
        ``random(width)`` returns random numbers (n_anchors, width).
    """
    anchors, set_of = np.arange(sizes.sum())[own], np.repeat(np.arange(len(sizes)), sizes)[own]
    starts = np.cumsum(sizes) - sizes
    places = np.arange(sizes.max())
    members = np.where(places < sizes[:, None], starts[:, None] + places, -1)
    within = members[set_of]
    within[within == anchors[:, None]] = -1
    # One member of each set. The member of the anchor's own set is dropped.
    between = starts + (random(len(sizes)) * sizes).astype(int)
    between[np.arange(len(anchors)), set_of] = -1
    return np.hstack([within, sample_candidates(between, n_between, random)])
