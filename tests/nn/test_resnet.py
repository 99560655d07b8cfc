import numpy as np
import pytest
import torch

from relcon_sklearn.nn import ResNet1D
from relcon_sklearn.nn._presets import ENCODER_PRESETS
from relcon_sklearn.nn._readout import READOUTS
from tests.support.reference import relative_error
from tests.support.released import released_resnet_weights


@pytest.mark.parametrize("mode", ["eval", "train"])
def test_matches_the_released_network(vectors, mode):
    net = ResNet1D(3, n_blocks=(2, 2, 3), widths=(8, 16, 32))
    net.load_state_dict(released_resnet_weights(vectors, "resnet_small/"))
    x = torch.cat([vectors["anchors"], vectors["candidates"]]).mT
    suffix = "" if mode == "eval" else "_trainmode"
    embeddings = net.train(mode == "train")(x)
    assert relative_error(embeddings, vectors[f"resnet_small_embed{suffix}"]) < 1e-5


@pytest.mark.parametrize("mode", ["eval", "train"])
def test_default_matches_the_released_network_in_full_size(full_vectors, mode):
    net = ResNet1D(3)
    net.load_state_dict(released_resnet_weights(full_vectors, "resnet/"))
    x = torch.cat([full_vectors["anchors"], full_vectors["candidates"]]).mT
    suffix = "" if mode == "eval" else "_trainmode"
    embeddings = net.train(mode == "train")(x)
    assert relative_error(embeddings, full_vectors[f"resnet_embed{suffix}"]) < 1e-4


@pytest.mark.parametrize("n_timesteps", [1, 2, 3, 7, 10, 11, 12, 64, 200, 1000])
@pytest.mark.parametrize("n_channels", [1, 3, 6])
def test_any_length_and_number_of_channels(n_timesteps, n_channels):
    net = ResNet1D(n_channels, n_blocks=(1, 1), widths=(4, 6), kernel_sizes=(3, 4))
    x = torch.randn(2, n_channels, n_timesteps, generator=torch.Generator().manual_seed(0))
    for embeddings in (net(x), net.eval()(x)):
        assert embeddings.shape == (2, net.n_features)
        assert torch.isfinite(embeddings).all()


def test_an_embedding_does_not_depend_on_the_other_segments():
    net = ResNet1D(3, n_blocks=(1, 1), widths=(4, 6), kernel_sizes=(3, 4)).eval()
    x = torch.randn(5, 3, 50, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(net(x)[3:4], net(x[3:4]), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("n_timesteps", [1, 11, 50, 128])
@pytest.mark.parametrize("mode", ["eval", "train"])
def test_the_embedding_is_the_mean_of_the_features_over_time(n_timesteps, mode):
    net = ResNet1D(3, n_blocks=(1, 1), widths=(4, 6), kernel_sizes=(3, 4)).train(mode == "train")
    x = torch.randn(4, 3, n_timesteps, generator=torch.Generator().manual_seed(0))
    features = net.feature_map(x)
    assert features.shape[:2] == (4, 6)
    assert abs(4 * features.shape[2] - n_timesteps) <= 10
    torch.testing.assert_close(features.mean(dim=2), net(x))


def test_features_are_in_the_order_of_time():
    net = ResNet1D(1, n_blocks=(1,), widths=(4,), kernel_sizes=(3,)).eval()
    x = torch.zeros(1, 1, 200)
    changed = x.clone()
    changed[..., 100] = 1
    moved = (net.feature_map(changed) - net.feature_map(x)).abs().sum(dim=1)[0].nonzero()
    assert len(moved) > 0
    assert (4 * moved - 100).abs().max() <= 20


def test_stages_are_the_whole_network_in_order():
    net = ResNet1D(3, n_blocks=(2, 1, 3), widths=(4, 6, 8), kernel_sizes=(3, 4, 4))
    stages = net.stages()
    assert [len(stage) for stage in stages] == [2 + 2, 1, 3]
    assert stages[0][:2] == [net.stem_conv, net.stem_bn]
    assert [block for stage in stages for block in stage][2:] == list(net.blocks)
    parameters = [p for stage in stages for module in stage for p in module.parameters()]
    assert len({id(p) for p in parameters}) == len(parameters)
    assert {id(p) for p in parameters} == {id(p) for p in net.parameters()}
    # The width of the last stage is the size of the embedding.
    for stage, width in zip(stages, (4, 6, 8), strict=True):
        assert stage[-1].conv2.out_channels == width


@pytest.mark.parametrize(
    ("name", "millions", "n_features"),
    [
        ("resnet34", 3.63, 896),
        ("resnet34-half", 0.91, 448),
        ("resnet14-half", 0.31, 448),
        ("relcon", 3.63, 256),
    ],
)
def test_presets_have_the_documented_size(name, millions, n_features):
    net = ENCODER_PRESETS[name].make(3)
    assert sum(p.numel() for p in net.parameters()) / 1e6 == pytest.approx(millions, abs=0.01)
    assert net.n_features == n_features


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_readout_is_the_mean_and_the_standard_deviation_over_time(dtype):
    torch.manual_seed(0)
    net = ResNet1D(3, n_blocks=(1, 1), widths=(4, 6), kernel_sizes=(3, 4), readout="mean_sd").eval()
    x = 100 * torch.randn(5, 3, 64)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
        found, features = net(x).detach(), net.feature_map(x).detach().double()
    assert found.shape == (5, net.n_features) == (5, 12)
    for row, segment in zip(found, features, strict=True):
        means = [sum(feature) / len(feature) for feature in segment]
        sds = [np.std(feature.numpy()) for feature in segment]
        np.testing.assert_allclose(row, [*means, *sds], rtol=1e-4, atol=1e-2)


def test_readout_of_stages_has_the_statistics_of_each():
    torch.manual_seed(0)
    net = ResNet1D(2, n_blocks=(1, 2), widths=(4, 6), kernel_sizes=(3, 4), readout="stages").eval()
    x, maps = torch.randn(5, 2, 64), []
    for block in (net.blocks[0], net.blocks[2]):  # the last block of each stage
        block.register_forward_hook(lambda module, given, output: maps.append(output.squeeze(2)))
    found = net(x)
    assert found.shape == (5, net.n_features) == (5, 20)
    first, last = maps
    expected = [last.mean(2), last.std(2, correction=0), first.mean(2), first.std(2, correction=0)]
    torch.testing.assert_close(found, torch.cat(expected, dim=1), rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(net.feature_map(x), last)


def test_gradient_of_the_readout_is_finite_for_features_that_do_not_vary():
    net = ResNet1D(1, n_blocks=(1,), widths=(4,), kernel_sizes=(3,), readout="mean_sd")
    net(torch.zeros(3, 1, 1)).sum().backward()  # one step over time
    assert all(torch.isfinite(p.grad).all() for p in net.parameters())


def test_readout_does_not_change_the_weights():
    """Encoders of all readouts load the same weights, such as those of earlier versions."""
    nets = [ResNet1D(3, (1, 1), (2, 4), (3, 3), readout=readout) for readout in READOUTS]
    x = torch.randn(2, 3, 40)
    for net in nets:
        net.load_state_dict(nets[0].state_dict())
        torch.testing.assert_close(net.eval()(x)[:, :4], nets[0].eval()(x))
