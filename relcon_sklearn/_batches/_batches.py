"""Batches: the rows that are read together, and the candidates each anchor is compared with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np
import torch

from ..segments._array import SegmentArray
from ._groups import GroupIndex
from ._on_device import DeviceSegments
from ._order import random_order


class Batch(NamedTuple):
    """Segments of a training step, its anchors and their candidates.

    `segments` is (n, n_timesteps, n_channels) float32. `anchors` (n_anchors,) and `candidates`
    (n_anchors, n_candidates) are row numbers of `segments`. Negative numbers in `candidates` stand
    for no candidate. `seed` determines every random choice made with the batch, so that a training
    step depends only on the weights and its batch. If the anchors are those of one of several
    processes, `n_in_all` is the number of anchors of all processes. `rows` (n,) are the row numbers
    of the segments in the data, or None if they are not known.
    """

    segments: torch.Tensor
    anchors: torch.Tensor
    candidates: torch.Tensor
    seed: int
    n_in_all: int | None = None
    rows: torch.Tensor | None = None

    @property
    def n_items(self) -> int:
        """Number of items that the loss of the batch is the mean of: anchors of all processes."""
        return len(self.anchors) if self.n_in_all is None else self.n_in_all

    def to(self, device) -> Batch:
        """Move the tensors to `device`."""
        device = torch.device(device)
        if all(x.device == device for x in self._tensors().values()):
            # Even a move to the same device releases the GIL, and the thread that makes the next
            # batch is waiting for it.
            return self
        moved = {k: x.to(device, non_blocking=True) for k, x in self._tensors().items()}
        return self._replace(**moved)

    def pin_memory(self) -> Batch:
        """Copy tensors on the CPU to pinned memory, from which a GPU can copy asynchronously."""
        on_cpu = {k: x for k, x in self._tensors().items() if x.device.type == "cpu"}
        return self._replace(**{k: x.pin_memory() for k, x in on_cpu.items()})

    def _tensors(self) -> dict[str, torch.Tensor]:
        return {k: x for k, x in self._asdict().items() if isinstance(x, torch.Tensor)}


def all_of(n: int) -> slice:
    """Return all of `n` rows."""
    return slice(0, n)


class Batches:
    """Batches of an epoch, in random order, in which each row in use is an anchor once in a pass.

    A pass over the rows is an epoch, unless `n_batches` sets another length of the epochs. Passes
    then follow each other without regard to the ends of epochs.

    The candidates of an anchor are up to `n_within` other segments of its group, and the other
    anchors of the batch (RelCon, section 3.2). A smaller group contributes all its other segments.

    A batch depends only on `seed`, the pass and its number within the pass. Its cost does not
    depend on the number of rows.

    Parameters
    ----------
    array : SegmentArray or DeviceSegments
        The data.
    index : GroupIndex
        Rows of `array` to use, and their groups.
    batch_size : int
        Number of anchors per batch.
    seed : int
        Seed of all draws.
    n_within : int, default=0
        Number of within-subject candidates per anchor.
    n_between : int or None, default=None
        Number of candidates drawn from the other anchors of the batch, at random for each anchor.
        If None, all other anchors.
    n_batches : int or None, default=None
        Number of batches of an epoch. If None, the batches of a pass.
    share : callable, default=all_of
        ``share(n)`` returns those of the `n` anchors of a batch that the batch has, as a slice.
        They have the candidates that they have among all anchors.

    Attributes
    ----------
    epoch : int
        Number of the epoch whose batches the next iteration returns. Set it to get other batches.
    """

    def __init__(
        self,
        array: SegmentArray | DeviceSegments,
        index: GroupIndex,
        batch_size: int,
        seed: int,
        n_within: int = 0,
        n_between: int | None = None,
        n_batches: int | None = None,
        share: Callable[[int], slice] = all_of,
    ):
        self.array = array
        self.index = index
        self.batch_size = batch_size
        self.seed = seed
        self.n_within = n_within
        self.n_between = n_between
        self.n_batches = n_batches
        self.share = share
        self.epoch = 0

    @property
    def n_items(self) -> int:
        """Number of items that are distributed over the batches of a pass: anchors."""
        return self.index.n_rows

    def __len__(self) -> int:
        return self._n_per_pass if self.n_batches is None else self.n_batches

    @property
    def _n_per_pass(self) -> int:
        # A single anchor in the last batch would have no candidates and break batch norms: it
        # joins the batch before.
        return max(1, (self.n_items - 2) // self.batch_size + 1)

    def __iter__(self) -> Iterator[Batch]:
        return self.starting_at(0)

    def starting_at(self, first: int) -> Iterator[Batch]:
        """Return the batches of the epoch from number `first` on."""
        start, order = self.epoch * len(self), None
        for number in range(start + first, start + len(self)):
            n_pass, i = divmod(number, self._n_per_pass)
            if order is None or i == 0:
                order = random_order(self.n_items, [self.seed, n_pass])
            stop = None if i == self._n_per_pass - 1 else (i + 1) * self.batch_size
            rng = np.random.default_rng([self.seed, n_pass, i])
            yield self._make(order[i * self.batch_size : stop], n_pass, rng)

    def _make(self, items: np.ndarray, n_pass: int, rng: np.random.Generator) -> Batch:
        n, own = len(items), self.share(len(items))
        anchors = np.arange(n)[own]
        within = self.index.sample_within_group(items, self.n_within, rng)
        between = np.tile(np.arange(n), (len(anchors), 1))
        between[np.arange(len(anchors)), anchors] = -1
        between = sample_candidates(between, self.n_between, partial(random_rows, rng, n, own))
        positions, number = numbered(np.append(items, within))
        # A mate that is an anchor of the batch is in a list twice.
        mates = number[n:].reshape(within.shape)[own]
        candidates = drop_repeats(np.hstack([mates, np.append(number[:n], -1)[between]]))
        return self._batch(positions, number[anchors], candidates, n, rng)

    def _batch(
        self,
        positions: np.ndarray,
        anchors: np.ndarray,
        candidates: np.ndarray,
        n_in_all: int,
        rng: np.random.Generator,
    ) -> Batch:
        """Return a batch of the segments at some positions, with a seed that is drawn."""
        rows = self.index.rows_at(positions)
        return Batch(
            torch.as_tensor(self.array.read(rows)),
            torch.from_numpy(anchors.astype(np.int64, copy=False)),
            torch.from_numpy(candidates.astype(np.int64, copy=False)),
            int(rng.integers(2**63)),
            n_in_all,
            torch.from_numpy(rows.astype(np.int64, copy=False)),
        )


def train_and_valid(
    make: Callable[[GroupIndex], Batches],
    train: GroupIndex,
    valid: GroupIndex | None,
    n_batches: int | None,
) -> tuple[Batches, Batches | None]:
    """Return the batches of a training part and of a validation part, which may be None.

    Parameters
    ----------
    make : callable
        Returns the batches of a part, whose epochs are passes.
    train, valid : GroupIndex
        The parts. `valid` may be None.
    n_batches : int or None
        Number of batches of an epoch. A validation has at most as many. If None, both are passes.
    """
    batches = make(train)
    batches.n_batches = n_batches
    if valid is None:
        return batches, None
    valid_batches = make(valid)
    if n_batches is not None:
        # Of a billion segments, a tenth would take days after each epoch of minutes.
        valid_batches.n_batches = min(len(valid_batches), n_batches)
    return batches, valid_batches


def numbered(members: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the segments of a batch, each once, and the number of each member among them.

    Parameters
    ----------
    members : ndarray of shape (n_members,)
        Positions of the members. Negative numbers stand for no member.

    Returns
    -------
    positions : ndarray of shape (n,)
        Positions of the segments, in ascending order.
    numbers : ndarray of shape (n_members,)
        Number of the segment of each member, or -1 for no member.
    """
    positions, numbers = np.unique(members, return_inverse=True)
    if positions[0] < 0:
        return positions[1:], numbers - 1
    return positions, numbers


def random_rows(rng: np.random.Generator, n_rows: int, own: slice, width: int) -> np.ndarray:
    """Return ``rng.random((n_rows, width))[own]``, and draw only these numbers.

    The generator advances as if all were drawn.
    """
    n_own = own.stop - own.start
    rng.bit_generator.advance(own.start * width)
    numbers = rng.random((n_own, width))
    rng.bit_generator.advance((n_rows - own.stop) * width)
    return numbers


def sample_candidates(
    candidates: np.ndarray, n: int | None, random: Callable[[int], np.ndarray]
) -> np.ndarray:
    """Draw `n` candidates of each row at random, or all if it has fewer; if `n` is None, all.

    ``random(width)`` returns `width` random numbers for each row.
    """
    if n is None or n >= candidates.shape[1]:
        return candidates
    keys = np.where(candidates >= 0, random(candidates.shape[1]), np.inf)
    return np.take_along_axis(candidates, keys.argsort(axis=1)[:, :n], axis=1)


def drop_repeats(candidates: np.ndarray) -> np.ndarray:
    """Sort each row and replace repeated values with -1."""
    candidates = np.sort(candidates, axis=1)
    repeated = np.zeros(candidates.shape, dtype=bool)
    repeated[:, 1:] = candidates[:, 1:] == candidates[:, :-1]
    return np.where(repeated, -1, candidates)


def check_within_candidates(index: GroupIndex, n_within: int) -> None:
    """Raise ValueError if no anchor has a candidate when all candidates are within-subject."""
    if n_within == 0:
        raise ValueError(
            "n_within=0 and n_between=0 leave no candidates. At least one must be positive."
        )
    if index.sizes.max() < 2:
        raise ValueError(
            "n_between=0 leaves within-subject candidates only, but no group has two segments. "
            "Pass groups with the subject of each segment, or a positive n_between."
        )
