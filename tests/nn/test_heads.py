"""Heads, and encoders with frozen parts."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from relcon_sklearn.nn import HeadedEncoder, make_head, without_gradients
from relcon_sklearn.nn._heads import (
    HEADS,
    PretrainingNet,
    Rescale,
    Standardise,
    make_projection,
    make_regression,
)
from tests.support.estimators import tiny_encoder


@pytest.mark.parametrize("kind", HEADS)
def test_shapes(kind):
    head = make_head(kind, n_features=5, n_outputs=3, width=7)
    assert head(torch.randn(4, 5)).shape == (4, 3)
    widths = [layer.out_features for layer in head if isinstance(layer, nn.Linear)]
    assert widths == {"linear": [3], "mlp": [7, 3]}[kind]


def test_heads_draw_nothing_when_used():
    head = make_head("mlp", 5, 3).train()
    z = torch.randn(4, 5)
    state = torch.get_rng_state()
    torch.testing.assert_close(head(z), head(z), rtol=0, atol=0)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("shape", [(), (1,), (3,)])
def test_rescale_returns_targets_of_the_given_dimensions(shape):
    mean, scale = np.full(shape, 5.0), np.full(shape, 2.0)
    outputs = torch.randn(4, mean.size)
    expected = (outputs * 2 + 5).reshape(4, *shape)
    torch.testing.assert_close(Rescale(mean, scale)(outputs), expected)


def test_standardise():
    z = np.random.default_rng(0).normal(3, [1, 2, 5], size=(500, 3))
    module = Standardise(3)
    module.set(z.mean(0), z.var(0))
    out = module(torch.from_numpy(z).float()).numpy()
    np.testing.assert_allclose(out.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(out.std(0), 1, atol=2e-3)


def test_standardise_does_not_scale_up_features_that_hardly_vary():
    module = Standardise(2)
    module.set(np.zeros(2), np.array([1.0, 1e-20]))
    assert module.scale.min() > 1e-3
    module.set(np.ones(2), np.zeros(2))
    assert module(torch.zeros(1, 2)).tolist() == [[-1, -1]]


@pytest.mark.parametrize("n", [3, 5, 1000])
def test_standardise_does_not_scale_up_rounding(n):
    z = np.float32([0.1, -7e3, 0.3, 1e-9])
    module = Standardise(4)
    # Not zero: rounding affects the numbers and their mean.
    variance = np.square(z * 1e-7)
    module.set(z + np.sqrt(variance) / n, variance)
    assert module.scale.tolist() == [1, 1, 1, 1]


def test_headed_encoder_is_the_head_on_the_encoder():
    encoder, head = tiny_encoder(n_channels=3), make_head("linear", 8, 2)
    x = torch.randn(6, 3, 20)
    net = HeadedEncoder(encoder, head).eval()
    torch.testing.assert_close(net(x), head(encoder(x)), rtol=0, atol=0)


def test_precision_applies_only_to_the_encoder():
    encoder, head = tiny_encoder(n_channels=3), make_head("linear", 8, 2)
    x = torch.randn(6, 3, 20)
    half = HeadedEncoder(encoder, head, dtype=torch.bfloat16).eval()(x)
    full = HeadedEncoder(encoder, head).eval()(x)
    assert half.dtype == torch.float32
    assert not torch.equal(half, full)
    torch.testing.assert_close(half, full, rtol=0.1, atol=0.1)


def test_frozen_parts_stay_in_evaluation_mode():
    encoder = tiny_encoder(n_channels=3, n_blocks=(1, 1), widths=(8, 8), kernel_sizes=(3, 3))
    frozen = encoder.stages()[0]
    net = HeadedEncoder(encoder, make_head("linear", 8, 2), frozen).train()
    assert not any(part.training for module in frozen for part in module.modules())
    assert all(part.training for module in encoder.stages()[1] for part in module.modules())
    before = copy.deepcopy(encoder.state_dict())
    net(torch.randn(6, 3, 20))
    moved = {name for name, value in encoder.state_dict().items() if value.ne(before[name]).any()}
    assert moved
    assert all(name.startswith("blocks.1.") for name in moved)
    assert not any(part.training for part in net.eval().modules())


def test_without_gradients():
    first, second = nn.Linear(2, 2), nn.Linear(2, 2)
    second.bias.requires_grad_(False)
    with without_gradients([first, second]):
        assert not any(p.requires_grad for m in (first, second) for p in m.parameters())
    assert all(p.requires_grad for p in first.parameters())
    assert second.weight.requires_grad
    assert not second.bias.requires_grad


@pytest.mark.parametrize(("widths", "sizes"), [((5,), [4, 5]), ((7, 5), [4, 7, 5])])
def test_a_projection_has_relu_between_its_linear_layers(widths, sizes):
    projection = make_projection(4, widths)
    z = expected = torch.randn(3, 4)
    layers = [layer for layer in projection if isinstance(layer, torch.nn.Linear)]
    assert [4, *(layer.out_features for layer in layers)] == sizes
    for i, layer in enumerate(layers):
        expected = layer(expected if i == 0 else expected.clamp(min=0))
    torch.testing.assert_close(projection(z), expected)


def test_heads_of_pretraining():
    encoder, x = torch.nn.Linear(6, 4), torch.randn(5, 6)
    projection, regression = make_projection(4, (3,)), make_regression(4, 2)
    z = encoder(x)
    torch.testing.assert_close(PretrainingNet(encoder)(x), z)
    torch.testing.assert_close(PretrainingNet(encoder, projection)(x), projection(z))
    compared, predicted = PretrainingNet(encoder, projection, regression)(x)
    torch.testing.assert_close(compared, projection(z))
    standardised = (z - z.mean(0)) / (z.var(0, correction=0) + 1e-5).sqrt()
    torch.testing.assert_close(predicted, regression[1](standardised))
    torch.testing.assert_close(PretrainingNet(encoder, None, regression)(x)[0], z)
