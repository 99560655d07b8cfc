"""Random order of any number of rows."""

from __future__ import annotations

import numpy as np

# Up to so many rows, 8 MB, their order is a table. That is an even draw among all orders; those
# computed are not (with a few rows they are visibly not), but it takes time and memory to make.
_LARGEST_TABLE = 2**20
_N_ROUNDS = 8


def random_order(n: int, seed, largest_table: int = _LARGEST_TABLE) -> RandomTable | RandomNetwork:
    """Return a random order of the numbers 0 to n - 1; slices of it are arrays of numbers.

    Parameters
    ----------
    n : int
        How many numbers.
    seed : int or sequence of int
        Chooses the order.
    largest_table : int, default=2**20
        From how many numbers on the order is computed, not drawn.
    """
    return RandomTable(n, seed) if n <= largest_table else RandomNetwork(n, seed)


class RandomTable:
    """A random order, written down."""

    def __init__(self, n: int, seed):
        self._table = np.random.default_rng(seed).permutation(n)

    def __getitem__(self, places: slice) -> np.ndarray:
        return self._table[places]


class RandomNetwork:
    """A pseudo-random order of which each number is computed when it is asked for.

    A Feistel network turns place into number: numbers are split into an upper and a lower half of
    equally many bits, and each round mixes one half, scrambled with a key, into the other. That is
    a permutation of a power of four; numbers that are out of range are permuted on until they fall
    into it. An order of a billion rows takes no memory and no time to set up.
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
    """Hash 64-bit integers (the finaliser of splitmix64)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
