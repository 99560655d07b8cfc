import math

import pytest
import torch
import torch.nn.functional as F

from relcon_sklearn.nn._dilated_conv import DilatedConvNet, EdgeScaledConv1d, activate


@pytest.mark.parametrize("n_timesteps", [1, 2, 5, 7, 8, 30])
def test_edges_are_scaled_by_the_number_of_missing_taps(n_timesteps):
    conv = EdgeScaledConv1d(2, 3, kernel_size=7)
    x = torch.randn(1, 2, n_timesteps, generator=torch.Generator().manual_seed(0))
    padded = F.pad(x, (3, 3))
    for t in range(n_timesteps):
        n_taps = sum(0 <= s < n_timesteps for s in range(t - 3, t + 4))
        window = padded[0, :, t : t + 7]
        expected = (conv.weight * window).sum((1, 2)) * 7 / n_taps + conv.bias
        torch.testing.assert_close(conv(x)[0, :, t], expected, rtol=1e-5, atol=1e-6)


def test_features_have_zero_mean_and_unit_variance():
    net = DilatedConvNet(3, embed_dim=16)
    x = torch.randn(2, 3, 100, generator=torch.Generator().manual_seed(0))
    features = net(x)
    assert features.shape == (2, 16, 100)
    torch.testing.assert_close(features.mean(-1), torch.zeros(2, 16), atol=1e-5, rtol=0)
    torch.testing.assert_close(
        features.std(-1, unbiased=False), torch.ones(2, 16), atol=0.01, rtol=0
    )


def test_the_receptive_field_grows_with_the_number_of_blocks():
    x = torch.randn(1, 1, 201, generator=torch.Generator().manual_seed(0)).requires_grad_()
    # 7 steps for the stem, then 1, 2, 4 times 7 for the blocks.
    for n_layers, reach in [(0, 7), (1, 14), (2, 28), (3, 56)]:
        net = DilatedConvNet(1, embed_dim=8, n_layers=n_layers)
        y = net.stem(x)
        for block in net.blocks:
            # Without the instance norms, which make every time step depend on all others.
            y = torch.nn.functional.gelu(y + block.dilated(block.squeeze(y)))
        (gradient,) = torch.autograd.grad(y[0, :, 100].sum(), x)
        seen = gradient.flatten().nonzero()
        assert (seen.min(), seen.max()) == (100 - reach, 100 + reach)


def test_a_single_time_step_is_normalised_to_zero():
    assert torch.equal(activate(torch.tensor([[[3.0]]])), torch.zeros(1, 1, 1))


def slow_after_stem(net, x, stride):
    """Compute each block at all time steps, and set skipped ones to zero before the next block."""
    x, spacing = activate(x), 1
    for i, block in enumerate(net.blocks):
        total = stride
        if i + 1 < len(net.blocks):
            total = math.gcd(stride, 2 ** (i + 1))
        full = x + block.dilated(block.squeeze(x))
        kept = activate(full[..., ::total])
        x = torch.zeros_like(full)
        x[..., ::total] = kept
        spacing = total
    assert stride % spacing == 0
    return x[..., ::stride]


@pytest.mark.parametrize("n_layers", [0, 1, 2, 3])
@pytest.mark.parametrize("stride", [1, 2, 3, 4, 6, 8])
@pytest.mark.parametrize("length", [1, 2, 7, 64, 200])
def test_strides(length, stride, n_layers):
    generator = torch.Generator().manual_seed(0)
    net = DilatedConvNet(3, embed_dim=8, kernel_size=5, n_layers=n_layers).double()
    x = torch.randn(2, 8, length, generator=generator, dtype=torch.float64)
    found = net.after_stem(x, stride=stride)
    assert found.shape == (2, 8, -(-length // stride))
    torch.testing.assert_close(found, slow_after_stem(net, x, stride))
