"""Devices that are not there are named, and processes that train the same model are warned."""

import warnings

import pytest
import torch
from sklearn.frozen import FrozenEstimator

from relcon_sklearn._utils._device import as_device
from tests.support.estimators import tiny_classifier, tiny_distance, tiny_embedder
from tests.support.reference import euclidean


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.xpu, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.mark.usefixtures("no_gpu")
@pytest.mark.parametrize("make", [tiny_distance, tiny_embedder, tiny_classifier])
@pytest.mark.parametrize("device", ["cuda", "cuda:0", torch.device("cuda", 1), "mps", "xpu"])
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
    with pytest.raises(ValueError, match=r"device='gpu' is not a torch device: .*torch finds cpu"):
        as_device("gpu")


@pytest.mark.parametrize("device", ["meta", torch.device("meta")])
def test_a_device_without_values(device, motion):
    with pytest.raises(ValueError, match=r"device='meta' .* have no values. torch finds cpu"):
        tiny_embedder(device=device).fit(motion[0], groups=motion[2])


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


@pytest.mark.parametrize("make", [tiny_distance, tiny_embedder, tiny_classifier])
def test_several_processes_are_warned_once(make, motion, monkeypatch):
    X, y, subjects = motion
    monkeypatch.setenv("WORLD_SIZE", "4")
    model = make(max_epochs=1)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X, y, groups=subjects)
    (warning,) = [w for w in caught if "WORLD_SIZE" in str(w.message)]
    assert "one of 4 processes" in str(warning.message)
    assert warning.filename == __file__


@pytest.mark.parametrize("size", ["1", "", "many", None])
def test_one_process_is_not_warned(motion, monkeypatch, size):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    if size is not None:
        monkeypatch.setenv("WORLD_SIZE", size)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tiny_embedder(distance=euclidean, max_epochs=1).fit(motion[0], groups=motion[2])
