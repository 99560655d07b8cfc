import pytest
import torch
from torch import nn

from relcon_sklearn.nn import PulsePPGEncoder, ResNet1D
from relcon_sklearn.nn._presets import ENCODER_PRESETS, draws_globally, encoder_preset
from relcon_sklearn.nn._released_networks import released_encoder
from tests.support.reference import pulse_ppg_step_by_step, relative_error
from tests.support.released import pulse_ppg_layout, random_weights, with_prefix


def released_net(theirs):
    factory, settings, weights = released_encoder(theirs)
    net = factory(**settings)
    net.load_state_dict(weights)
    return net.eval()


def waves(n, n_channels, n_timesteps):
    return torch.randn(n, n_channels, n_timesteps, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("vectors", ["pulse_ppg", "full_pulse_ppg"])
def test_matches_the_released_network(vectors, request):
    arrays = request.getfixturevalue(vectors)
    net = released_net(with_prefix(arrays, "ppg/"))
    assert relative_error(net(arrays["input"]), arrays["embed"]) < 1e-5
    shapes = []
    for block in net.blocks:
        block.register_forward_hook(lambda _, __, out: shapes.append(tuple(out.shape[1:])))
    net(arrays["input"])
    assert shapes == [tuple(shape) for shape in arrays["block_out_shapes"].tolist()]


def test_the_reference_matches_the_released_network(full_pulse_ppg):
    embeddings, shapes = pulse_ppg_step_by_step(
        with_prefix(full_pulse_ppg, "ppg/"), full_pulse_ppg["input"]
    )
    assert relative_error(embeddings, full_pulse_ppg["embed"]) < 1e-6
    assert shapes == [tuple(shape) for shape in full_pulse_ppg["block_out_shapes"].tolist()]


@pytest.mark.parametrize("n_timesteps", [2, 3, 31, 32, 33, 100])
@pytest.mark.parametrize(
    "size",
    [
        {"width": 6},
        {"width": 2, "n_channels": 3},
        {"width": 4, "n_blocks": 1},
        {"width": 4, "n_blocks": 6, "kernel_size": 4},
        {"width": 2, "n_blocks": 9, "kernel_size": 1},
    ],
)
def test_any_size_matches_the_reference(size, n_timesteps):
    theirs = random_weights(pulse_ppg_layout(**size))
    x = waves(2, size.get("n_channels", 1), n_timesteps)
    embeddings, _ = pulse_ppg_step_by_step(theirs, x)
    assert relative_error(released_net(theirs)(x), embeddings) < 1e-5


@pytest.mark.parametrize("n_timesteps", [1, 2, 3, 7, 10, 11, 12, 64, 200, 1000])
@pytest.mark.parametrize("n_channels", [1, 3, 6])
def test_any_length_and_number_of_channels(n_timesteps, n_channels):
    net = PulsePPGEncoder(n_channels, width=3)
    x = waves(2, n_channels, n_timesteps)
    for embeddings in (net(x), net.eval()(x), net(x[:1])):
        assert embeddings.shape == (len(embeddings), net.n_features)
        assert torch.isfinite(embeddings).all()


def test_an_embedding_does_not_depend_on_the_other_segments():
    net = PulsePPGEncoder(2, width=3).eval()
    x = waves(5, 2, 50)
    torch.testing.assert_close(net(x)[3:4], net(x[3:4]), rtol=1e-5, atol=1e-6)


def test_scale_and_offset_of_a_segment_do_not_matter():
    net = PulsePPGEncoder(2, width=3).eval()
    x = waves(3, 2, 80)
    scale = torch.tensor([1e3, 1.0]).reshape(1, 2, 1)
    assert relative_error(net(scale * x + 5), net(x)) < 1e-3
    constant = torch.full((1, 2, 80), 3.0)
    torch.testing.assert_close(net(constant), net(torch.zeros(1, 2, 80)))


def test_the_embedding_is_the_maximum_of_the_features_over_time():
    net = PulsePPGEncoder(1, width=3).eval()
    features = net.feature_map(waves(4, 1, 700))
    assert features.shape == (4, 12, 11)
    torch.testing.assert_close(features.amax(dim=2), net(waves(4, 1, 700)))


def test_stages_are_the_whole_network_in_order():
    net = PulsePPGEncoder(1, width=2, n_blocks=9)
    stages = net.stages()
    assert [len(stage) for stage in stages] == [2 + 4, 4, 1]
    assert stages[0][:2] == [net.stem_conv, net.stem_bn]
    assert [block for stage in stages for block in stage][2:] == list(net.blocks)
    parameters = [p for stage in stages for module in stage for p in module.parameters()]
    assert len({id(p) for p in parameters}) == len(parameters)
    assert {id(p) for p in parameters} == {id(p) for p in net.parameters()}
    for stage, width in zip(stages, (2, 4, 8), strict=True):
        assert stage[-1].conv2.out_channels == width


def test_dropout_is_only_in_training():
    net = PulsePPGEncoder(1, width=4, n_blocks=4)
    x = waves(8, 1, 60)
    assert not torch.equal(net(x), net(x))
    assert torch.equal(net.eval()(x), net(x))
    without = PulsePPGEncoder(1, width=4, n_blocks=4, dropout=0)
    assert torch.equal(without(x), without(x))


@pytest.mark.usefixtures("global_rng_untouched")
def test_without_dropout_no_random_numbers_are_drawn():
    with torch.random.fork_rng():
        nets = PulsePPGEncoder(1, width=2, n_blocks=2, dropout=0), PulsePPGEncoder(1, width=2)
    nets[0](waves(2, 1, 20))
    nets[1].eval()(waves(2, 1, 20))


class UserEncoder(ResNet1D):
    pass


@pytest.mark.parametrize(
    ("encoder", "draws"),
    [
        (ResNet1D(1, (1,), (2,), (3,)), False),
        (PulsePPGEncoder(1, width=2), True),
        (PulsePPGEncoder(1, width=2, dropout=0), False),
        (UserEncoder(1, (1,), (2,), (3,)), True),
        (nn.Flatten(), True),
    ],
)
def test_encoders_that_draw_from_the_global_generators(encoder, draws):
    assert draws_globally(encoder) == draws


def test_preset_has_the_documented_size():
    net = ENCODER_PRESETS["pulse-ppg"].make(1)
    assert sum(p.numel() for p in net.parameters()) / 1e6 == pytest.approx(28.5, abs=0.01)
    assert net.n_features == 512
    assert len(net.stages()) == 3


def test_presets_by_name_and_by_callable():
    assert encoder_preset("resnet34") is ENCODER_PRESETS["resnet34"]
    assert encoder_preset(PulsePPGEncoder) == (PulsePPGEncoder, {})
    assert isinstance(encoder_preset("resnet14-half").make(2), ResNet1D)
