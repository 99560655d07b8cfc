"""Batches: which rows of the data are read together, and who is ranked against whom."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch

from ..segments._array import SegmentArray
from ._groups import GroupIndex
from ._on_device import DeviceSegments
from ._order import random_order


class Batch(NamedTuple):
    """Segments and what to do with them.

    `segments` is (n, n_timesteps, n_channels) float32. `anchors` (n_anchors,) and `candidates`
    (n_anchors, n_candidates) number rows of `segments`; a negative candidate means there is none.
    `seed` drives every random choice made with the batch, so that a step of training depends on
    nothing but the weights and its batch.
    """

    segments: torch.Tensor
    anchors: torch.Tensor
    candidates: torch.Tensor
    seed: int

    @property
    def n_items(self) -> int:
        """How many items the loss of the batch is the mean of: anchors."""
        return len(self.anchors)

    def to(self, device) -> Batch:
        """Move the tensors to `device`."""
        device = torch.device(device)
        if all(x.device == device for x in self[:3]):
            # Even a move to where a tensor is lets go of Python's lock, for which the thread that
            # makes the next batch is waiting.
            return self
        return Batch(*(x.to(device, non_blocking=True) for x in self[:3]), self.seed)

    def pin_memory(self) -> Batch:
        """Copy what is in the host's memory to where a GPU can fetch it from by itself."""
        pinned = (x.pin_memory() if x.device.type == "cpu" else x for x in self[:3])
        return Batch(*pinned, self.seed)


class Batches:
    """The batches of an epoch: each row in use is an anchor once, in random order.

    The candidates of an anchor are up to `n_within` other segments of its group, and the other
    anchors of the batch (RelCon, section 3.2). A group that has fewer gives those it has.

    Batches are a function of `seed`, `epoch` and their number within the epoch alone, and cost the
    same however many rows there are.

    Parameters
    ----------
    array : SegmentArray or DeviceSegments
        The data.
    index : GroupIndex
        Rows of `array` to use, and their groups.
    batch_size : int
        Anchors per batch.
    seed : int
        Seed of all draws.
    n_within : int, default=0
        Within-subject candidates per anchor.
    n_between : int or None, default=None
        Candidates from the other anchors of the batch, drawn at random for each anchor; None is
        all of them.

    Attributes
    ----------
    epoch : int
        Number of the epoch that the next iteration gives. Set it to get other batches.
    """

    def __init__(
        self,
        array: SegmentArray | DeviceSegments,
        index: GroupIndex,
        batch_size: int,
        seed: int,
        n_within: int = 0,
        n_between: int | None = None,
    ):
        self.array = array
        self.index = index
        self.batch_size = batch_size
        self.seed = seed
        self.n_within = n_within
        self.n_between = n_between
        self.epoch = 0

    @property
    def n_items(self) -> int:
        """Number of what is dealt to the batches of an epoch: anchors, here."""
        return self.index.n_rows

    def __len__(self) -> int:
        # A last batch of a single anchor has nobody to be compared with and breaks batch norms:
        # it goes to the batch before.
        return max(1, (self.n_items - 2) // self.batch_size + 1)

    def __iter__(self) -> Iterator[Batch]:
        return self.starting_at(0)

    def starting_at(self, first: int) -> Iterator[Batch]:
        """Return the batches of the epoch from number `first` on."""
        order = random_order(self.n_items, [self.seed, self.epoch])
        for i in range(first, len(self)):
            stop = None if i == len(self) - 1 else (i + 1) * self.batch_size
            rng = np.random.default_rng([self.seed, self.epoch, i])
            yield self._make(order[i * self.batch_size : stop], rng)

    def _make(self, items: np.ndarray, rng: np.random.Generator) -> Batch:
        within = self.index.sample_within_group(items, self.n_within, rng)
        between = np.tile(items, (len(items), 1))
        np.fill_diagonal(between, -1)
        between = sample_candidates(between, self.n_between, rng)
        return make_batch(self.array, self.index, items, np.hstack([within, between]), rng)


def make_batch(
    array: SegmentArray | DeviceSegments,
    index: GroupIndex,
    anchors: np.ndarray,
    candidates: np.ndarray,
    rng: np.random.Generator,
) -> Batch:
    """Read the segments of a batch, each once however many lists it is in.

    Parameters
    ----------
    array : SegmentArray or DeviceSegments
        The data.
    index : GroupIndex
        What positions mean.
    anchors : ndarray of shape (n_anchors,)
        Positions of the anchors.
    candidates : ndarray of shape (n_anchors, n_candidates)
        Positions of each anchor's candidates; negative where there is none.
    rng : numpy.random.Generator
        Draws the seed of the batch.
    """
    used, number = np.unique(np.append(anchors, candidates), return_inverse=True)
    number = number.astype(np.int64)
    if used[0] < 0:
        used, number = used[1:], number - 1
    n = len(anchors)
    segments = array.read(index.rows_at(used))
    return Batch(
        torch.as_tensor(segments),
        torch.from_numpy(number[:n]),
        torch.from_numpy(drop_repeats(number[n:].reshape(n, -1))),
        int(rng.integers(2**63)),
    )


def sample_candidates(
    candidates: np.ndarray, n: int | None, rng: np.random.Generator
) -> np.ndarray:
    """Return `n` candidates of each row, drawn at random, all that it has if fewer; None: all."""
    if n is None or n >= candidates.shape[1]:
        return candidates
    keys = np.where(candidates >= 0, rng.random(candidates.shape), np.inf)
    return np.take_along_axis(candidates, keys.argsort(axis=1)[:, :n], axis=1)


def drop_repeats(candidates: np.ndarray) -> np.ndarray:
    """Sort each row and replace the repeats in it by -1."""
    candidates = np.sort(candidates, axis=1)
    repeated = np.zeros(candidates.shape, dtype=bool)
    repeated[:, 1:] = candidates[:, 1:] == candidates[:, :-1]
    return np.where(repeated, -1, candidates)
