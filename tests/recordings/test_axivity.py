"""Axivity files: times of the samples in blocks, and files that are read in parts."""

import numpy as np
import pytest

from relcon_sklearn._recordings._compact import BlockTimes
from relcon_sklearn.recordings._axivity import sizes_of_blocks

S = 10**9  # ns


def by_nominal_rate(starts, sizes, rate):
    """Return times as in the file: the samples of each block follow its start at `rate`."""
    number = np.concatenate([np.arange(size) for size in sizes])
    return np.repeat(starts, sizes) + np.rint(number * S / rate).astype(np.int64)


def placed(stamps, starts, rate):
    """Return times with the samples of each block placed evenly, as integers in ns."""
    return BlockTimes.between(starts, sizes_of_blocks(stamps, starts), rate)[:].view(np.int64)


@pytest.mark.parametrize("true_rate", [97.0, 100.0, 103.0])
@pytest.mark.parametrize("sizes", [[80] * 5, [80, 80, 40, 80, 13]])
def test_samples_are_even_if_the_device_is_slow_or_fast(true_rate, sizes):
    first = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    starts = np.rint(first * S / true_rate).astype(np.int64)
    stamps = by_nominal_rate(starts, sizes, 100)
    stamps = placed(stamps, starts, 100)
    np.testing.assert_allclose(stamps, np.arange(sum(sizes)) * S / true_rate, atol=20)


def test_blocks_before_a_gap_and_at_the_end_have_the_rate_of_the_others():
    starts = np.array([0, 1, 2, 60, 61]) * S
    stamps = by_nominal_rate(starts, [96] * 5, 100)
    stamps = placed(stamps, starts, 100)
    period = S / 96
    for block, start in zip(stamps.reshape(5, 96), starts, strict=True):
        np.testing.assert_allclose(block, start + np.arange(96) * period, atol=1)


def test_many_blocks():
    starts = np.arange(10_000, dtype=np.int64) * S
    stamps = by_nominal_rate(starts, [4] * len(starts), 4)
    np.testing.assert_array_equal(placed(stamps, starts, 4), stamps)


@pytest.mark.parametrize("starts", [[], [0, 5 * S], [0] * 9])
def test_blocks_that_cannot_be_told(starts):
    stamps = by_nominal_rate(np.array([0, S]), [4, 4], 4)
    assert sizes_of_blocks(stamps, np.array(starts, dtype=np.int64)) is None
