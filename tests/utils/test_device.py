"""Devices that are not there are named, and processes that train the same model are warned."""

import pytest
import torch
from sklearn.frozen import FrozenEstimator
from torch import nn

from relcon_sklearn import RelConEmbedder
from relcon_sklearn._utils._device import as_device, ready
from tests.support.estimators import tiny_classifier, tiny_distance, tiny_embedder


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.xpu, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.mark.usefixtures("no_gpu")
@pytest.mark.parametrize("make", [tiny_distance, tiny_embedder, tiny_classifier])
@pytest.mark.parametrize(
    "device", ["cuda", "cuda:0", torch.device("cuda", 1), "mps", "xpu", "hpu", "vulkan"]
)
def test_a_device_that_is_not_there(make, device, motion, tmp_path):
    X, y, subjects = motion
    folder = tmp_path / "run"
    with pytest.raises(
        ValueError, match=r"device='\w+(:\d)?' is not on this machine. torch finds c"
    ):
        make(device=device, checkpoint_dir=folder).fit(X, y, groups=subjects)
    assert not folder.exists()


@pytest.mark.parametrize(
    ("built", "message"),
    [(True, "finds cpu here. Pass one"), (False, "This torch is built without CUDA. Pass one")],
)
@pytest.mark.usefixtures("no_gpu")
def test_the_message_says_why(monkeypatch, built, message):
    monkeypatch.setattr(torch.backends.cuda, "is_built", lambda: built)
    with pytest.raises(ValueError, match=message):
        as_device("cuda")


def test_a_gpu_with_another_number(monkeypatch, no_gpu):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert as_device("cuda:1") == torch.device("cuda:1")
    with pytest.raises(
        ValueError, match=r"'cuda:2' is not .* torch finds cpu, cuda:0, cuda:1 here"
    ):
        as_device("cuda:2")


def test_a_name_that_is_not_a_device():
    message = (
        r"device='gpu' is not a device of torch, such as 'cpu', 'cuda'.*torch finds cpu.*'auto'"
    )
    with pytest.raises(ValueError, match=message):
        as_device("gpu")


@pytest.mark.parametrize("device", ["meta", torch.device("meta")])
def test_a_device_without_values(device, motion):
    with pytest.raises(ValueError, match=r"device='meta' .* have no values. torch finds cpu"):
        tiny_embedder(device=device).fit(motion[0], groups=motion[2])


@pytest.mark.usefixtures("no_gpu")
@pytest.mark.parametrize(
    ("device", "message"),
    [("gpu", "'gpu' is not a device of torch"), (torch.device("cuda"), "'cuda' is not on this ma")],
)
def test_a_model_is_not_loaded_to_a_device_that_is_not_there(device, message, tmp_path):
    for load in (
        lambda: RelConEmbedder.from_pretrained("motion-small", device=device),
        lambda: RelConEmbedder.load(tmp_path / "no file", device=device),
    ):
        with pytest.raises(ValueError, match=message):
            load()


def test_other_devices():
    assert as_device("cpu") == as_device(torch.device("cpu")) == torch.device("cpu")
    assert as_device("auto").type in ("cpu", "cuda")


@pytest.mark.usefixtures("no_gpu")
def test_a_device_of_a_frozen_distance_is_not_needed(motion):
    """The embedder ranks on its own device, so that a distance of a GPU stays usable."""
    X, _, subjects = motion
    distance = tiny_distance(max_epochs=1).fit(X, groups=subjects).set_params(device="cuda")
    frozen = FrozenEstimator(distance)
    tiny_embedder(distance=frozen, max_epochs=1, device="cpu").fit(X, groups=subjects)


# ---------------------------------------------------------------- modules that are ready


def small_net():
    return nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.BatchNorm1d(2), nn.Dropout()))


def test_one_part_in_training_mode_is_enough_to_set_the_mode():
    net = small_net().eval()
    net[1][1].train()
    assert ready(net, torch.device("cpu")) is net
    assert not any(part.training for part in net.modules())


def test_a_module_on_another_device_is_moved():
    net = ready(small_net(), torch.device("meta"))
    assert {value.device.type for value in net.state_dict().values()} == {"meta"}
    assert ready(nn.ReLU(), torch.device("meta")).training is False  # no tensors at all


def test_a_module_that_is_ready_is_left_alone(monkeypatch):
    net = small_net().eval()

    def fail(*args):
        raise AssertionError("walks through the module once more")

    monkeypatch.setattr(nn.Module, "to", fail)
    monkeypatch.setattr(nn.Module, "train", fail)
    assert ready(net, torch.device("cpu")) is net


def test_an_encoder_that_was_set_to_training_mode_embeds_as_before(motion):
    X = motion[0]
    embedder = tiny_embedder(max_epochs=0).fit(X)
    expected = embedder.transform(X[:1])
    embedder.encoder_.train()
    assert (embedder.transform(X[:1]) == expected).all()
