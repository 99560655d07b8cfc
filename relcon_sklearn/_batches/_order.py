"""Random orders of any number of rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

# Largest number of rows, 8 MB, whose order is a table. A table is a uniform draw among all orders,
# but takes time and memory. A computed order is not uniform, which is visible with few rows.
_LARGEST_TABLE = 2**20
_N_ROUNDS = 8


def random_order(n: int, seed, largest_table: int = _LARGEST_TABLE) -> RandomTable | RandomNetwork:
    """Return a random order of the numbers 0 to n - 1, whose slices are arrays of numbers.

    Parameters
    ----------
    n : int
        Number of numbers to order.
    seed : int or sequence of int
        Seed that determines the order.
    largest_table : int, default=2**20
        Largest `n` for which the order is drawn as a table. Larger orders are computed.
    """
    return RandomTable(n, seed) if n <= largest_table else RandomNetwork(n, seed)


class RandomTable:
    """Random order that is stored as a table."""

    def __init__(self, n: int, seed):
        self._table = np.random.default_rng(seed).permutation(n)

    def __getitem__(self, places: slice) -> np.ndarray:
        return self._table[places]


class RandomNetwork:
    """Pseudo-random order whose numbers are computed when they are requested.

    A Feistel network maps each place to a number: numbers are split into an upper and a lower half
    with the same number of bits, and each round mixes one half, scrambled with a key, into the
    other. This permutes the numbers below a power of four. Numbers out of range are permuted again
    until they are in range. An order of a billion rows takes no memory and no time to set up.
    """

    def __init__(self, n: int, seed):
        self.n = n
        half = max(1, (int(n - 1).bit_length() + 1) // 2)
        keys = np.random.SeedSequence(seed).generate_state(_N_ROUNDS, np.uint64)
        self.parameters = np.array([n], np.uint64), np.array([half], np.uint64), keys[:, None]

    def __getitem__(self, places: slice) -> np.ndarray:
        return _permuted(np.arange(*places.indices(self.n), dtype=np.uint64), *self.parameters)


def slices_of(
    orders: Sequence[RandomTable | RandomNetwork], places: Sequence[slice]
) -> list[np.ndarray]:
    """Return the numbers of each order at its own slice of places.

    The numbers of all networks are computed together. One by one, short slices would take as long
    as long ones.
    """
    pairs = list(zip(orders, places, strict=True))
    computed = [pair for pair in pairs if isinstance(pair[0], RandomNetwork)]
    numbers = iter(())
    if computed:
        parts = [np.arange(*part.indices(order.n), dtype=np.uint64) for order, part in computed]
        sizes = [len(part) for part in parts]
        parameters = (
            np.repeat(np.concatenate(values, axis=-1), sizes, axis=-1)
            for values in zip(*(order.parameters for order, _ in computed), strict=True)
        )
        found = _permuted(np.concatenate(parts), *parameters)
        numbers = iter(np.split(found, np.cumsum(sizes)[:-1]))
    return [
        next(numbers) if isinstance(order, RandomNetwork) else order[part] for order, part in pairs
    ]


def _permuted(
    numbers: np.ndarray, sizes: np.ndarray, halves: np.ndarray, keys: np.ndarray
) -> np.ndarray:
    """Permute numbers by networks, whose parameters are those of all numbers or of each one."""
    numbers = _mixed(numbers, halves, keys)
    outside = np.flatnonzero(numbers >= sizes)
    while len(outside):
        size, half, key = (
            x if x.shape[-1] == 1 else x[..., outside] for x in (sizes, halves, keys)
        )
        numbers[outside] = _mixed(numbers[outside], half, key)
        outside = outside[numbers[outside] >= size]
    return numbers.astype(np.int64)


def _mixed(numbers: np.ndarray, halves: np.ndarray, keys: np.ndarray) -> np.ndarray:
    masks = (np.uint64(1) << halves) - np.uint64(1)
    upper, lower = numbers >> halves, numbers & masks
    for key in keys:
        upper, lower = lower, upper ^ (_scramble(lower + key) & masks)
    return (upper << halves) | lower


def _scramble(x: np.ndarray) -> np.ndarray:
    """Return hashes of 64-bit integers, with the finaliser of splitmix64."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
