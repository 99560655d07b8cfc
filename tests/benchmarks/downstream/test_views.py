"""Views of other devices are what they stand for."""

import numpy as np
import pytest
import torch

from benchmarks.downstream.views import NOISY, SLOWER, VIEWS, Chain, LowerRate, Noise


def generator():
    return torch.Generator().manual_seed(0)


def tone(frequency, n_segments=4):
    """Return segments of 2.56 s at 50 Hz with a tone, whose mirror image has no step."""
    time = (torch.arange(128) + 0.5) / 50
    return torch.cos(2 * torch.pi * frequency * time).expand(n_segments, 3, 128).transpose(1, 2)


def test_noise_has_levels_between_the_limits():
    added = Noise(share=1.0)(torch.zeros(2000, 128, 3), generator())
    levels = added.std(dim=(1, 2))
    assert 0.0025 < levels.min() < 0.004
    assert 0.08 < levels.max() < 0.12
    # As many below the geometric mean of the limits as above.
    assert (levels < (0.003 * 0.1) ** 0.5).float().mean() == pytest.approx(0.5, abs=0.05)


def test_a_share_of_the_segments_is_changed():
    segments = tone(20, 2000)
    for change in (Noise(), LowerRate(highest=25.0)):
        changed = (change(segments, generator()) != segments).flatten(1).any(dim=1)
        assert changed.float().mean() == pytest.approx(0.5, abs=0.05)


def test_a_slower_device_has_only_low_frequencies():
    slower = LowerRate(share=1.0, lowest=20.0, highest=20.0)
    low, high = (
        400 / 256 * 5,
        400 / 256 * 9,
    )  # Hz, below and above 10 Hz, in the period of 2 * 2.56 s
    torch.testing.assert_close(slower(tone(low), generator()), tone(low), rtol=0, atol=1e-4)
    assert slower(tone(high), generator()).abs().max() < 1e-4


def test_the_mean_of_a_segment_stays():
    segments = torch.full((3, 100, 3), 0.7)
    torch.testing.assert_close(LowerRate(share=1.0)(segments, generator()), segments)


def test_a_chain_applies_its_steps_in_turn():
    double = lambda segments, generator: 2 * segments  # noqa: E731
    add = lambda segments, generator: segments + 1  # noqa: E731
    np.testing.assert_array_equal(Chain((add, double))(torch.ones(1, 1, 1), None), [[[4.0]]])


@pytest.mark.parametrize("views", [NOISY, SLOWER])
def test_views_of_devices_are_views_with_a_change(views):
    segments = tone(3, 64)
    before, after = VIEWS(segments, generator()), views(segments, generator())
    same = (before == after).flatten(1).all(dim=1).float().mean()
    assert 0.2 < same < 0.8
    np.testing.assert_array_equal(after, views(segments, generator()))
