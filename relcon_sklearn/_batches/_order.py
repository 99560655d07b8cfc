"""Random orders of any number of rows."""

from __future__ import annotations

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
        self._n = n
        self._half = np.uint64(max(1, (int(n - 1).bit_length() + 1) // 2))
        self._mask = np.uint64((1 << int(self._half)) - 1)
        self._keys = np.random.SeedSequence(seed).generate_state(_N_ROUNDS, np.uint64)

    def __getitem__(self, places: slice) -> np.ndarray:
        numbers = self._permute(np.arange(*places.indices(self._n), dtype=np.uint64))
        outside = np.flatnonzero(numbers >= self._n)
        while len(outside):
            numbers[outside] = self._permute(numbers[outside])
            outside = outside[numbers[outside] >= self._n]
        return numbers.astype(np.int64)

    def _permute(self, numbers: np.ndarray) -> np.ndarray:
        upper, lower = numbers >> self._half, numbers & self._mask
        for key in self._keys:
            upper, lower = lower, upper ^ (_scramble(lower + key) & self._mask)
        return (upper << self._half) | lower


def _scramble(x: np.ndarray) -> np.ndarray:
    """Return hashes of 64-bit integers, with the finaliser of splitmix64."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
