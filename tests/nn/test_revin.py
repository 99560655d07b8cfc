import pytest
import torch

from relcon_sklearn.nn import RevIN
from relcon_sklearn.nn._revin import FixedScale


@pytest.mark.parametrize("kind", [RevIN, FixedScale])
def test_normalisation_with_another_segment_can_be_undone(kind):
    revin = kind(3)
    generator = torch.Generator().manual_seed(0)
    torch.nn.init.normal_(revin.weight, 1, 0.3, generator=generator)
    torch.nn.init.normal_(revin.bias, 0, 0.3, generator=generator)
    x, other = torch.randn(2, 2, 3, 10, generator=generator)
    stats = revin.stats(3 * other - 1)
    restored = revin.denormalise(revin.normalise(x, stats), stats)
    torch.testing.assert_close(restored, x, rtol=1e-5, atol=1e-5)


def test_fixed_scale_does_not_normalise():
    fixed = FixedScale(2)
    x = torch.randn(4, 2, 9, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + 5
    stats = fixed.stats(x)
    assert stats.mean.shape == stats.std.shape == (4, 2, 1)
    assert stats.mean.dtype == stats.std.dtype == torch.float64
    assert torch.equal(fixed.normalise(x, stats), x)
    assert fixed.state_dict().keys() == RevIN(2).state_dict().keys()
    # The affine map is learned, and is the same for all segments.
    fixed.weight.data[:] = torch.tensor([[2.0], [3.0]])
    fixed.bias.data[:] = torch.tensor([[1.0], [-1.0]])
    expected = torch.stack([2 * x[:, 0] + 1, 3 * x[:, 1] - 1], dim=1)
    torch.testing.assert_close(fixed.normalise(x, stats), expected)


def test_normalises_and_maps_back():
    revin = RevIN(3)
    torch.nn.init.normal_(revin.weight, 1, 0.3, generator=torch.Generator().manual_seed(0))
    x = torch.linspace(-2, 3, 60).view(2, 3, 10).square()
    stats = revin.stats(x)
    normalised = revin.normalise(x, stats)
    torch.testing.assert_close(revin.denormalise(normalised, stats), x, rtol=1e-5, atol=1e-5)
    plain = (normalised - revin.bias) / revin.weight
    torch.testing.assert_close(plain.mean(-1), torch.zeros(2, 3), atol=1e-5, rtol=0)
    torch.testing.assert_close(plain.std(-1, unbiased=False), torch.ones(2, 3), atol=5e-3, rtol=0)


def test_uses_the_statistics_of_the_other_segment():
    revin = RevIN(1)
    anchor, candidate = torch.tensor([[[1.0, 3.0]]]), torch.tensor([[[10.0, 14.0]]])
    normalised = revin.normalise(anchor, revin.stats(candidate))
    torch.testing.assert_close(normalised, torch.tensor([[[-5.5, -4.5]]]), rtol=1e-5, atol=1e-5)


def test_statistics_carry_no_gradient():
    x = torch.randn(2, 3, 8, generator=torch.Generator().manual_seed(0)).requires_grad_()
    stats = RevIN(3).stats(x)
    assert not stats.mean.requires_grad
    assert not stats.std.requires_grad


@pytest.mark.parametrize("n_timesteps", [1, 5])
def test_constant_segments_stay_finite(n_timesteps):
    revin = RevIN(3)
    x = torch.full((1, 3, n_timesteps), 0.7)
    assert torch.equal(revin.normalise(x, revin.stats(x)), torch.zeros(1, 3, n_timesteps))


def test_matches_the_released_network(vectors):
    revin = RevIN(3)
    revin.weight.data[:, 0] = vectors["xattn/revin.affine_weight"]
    revin.bias.data[:, 0] = vectors["xattn/revin.affine_bias"]
    anchor, candidate = vectors["anchors"][1:2].mT, vectors["candidates"][3:4].mT
    stats = revin.stats(candidate)
    for x, name in [(anchor, "revin_query_pair1"), (candidate, "revin_key_pair1")]:
        torch.testing.assert_close(
            revin.normalise(x, stats)[0], vectors[name], rtol=1e-4, atol=1e-5
        )
