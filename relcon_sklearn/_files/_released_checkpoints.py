"""Checkpoints that the released code of RelCon and Pulse-PPG writes, read as untrusted files.

The released code calls ``torch.save`` on a dictionary with the entries ``net`` (a state dict),
``optimizer`` (another), ``epoch`` and ``test_loss``. Such a file is a pickle in a zip archive.
Reading makes tensors and plain values, and refuses everything else that a pickle can ask for before
torch loads it.
"""

from __future__ import annotations

import math
import os
import reprlib
import zipfile
from collections.abc import Callable, Mapping
from functools import partial
from inspect import signature
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from .._utils._damage import is_damage
from .._utils._text import listed
from ..exceptions import DamagedFileError
from ..nn._presets import ENCODER_PRESETS
from ..nn._released_networks import ReleasedNet
from ..segments._sampling_rate import rate_of
from ._pickle_opcodes import NotAStateDict, check_pickle
from ._recipes import Recipe

_ENTRIES = ("net", "optimizer", "epoch", "test_loss")

_EXPECTED = (
    "Expected a file that the released code of RelCon or Pulse-PPG has written with torch.save: a "
    f"dictionary with {', '.join(_ENTRIES)}."
)


class ReleasedCheckpoint(NamedTuple):
    """The network in a checkpoint.

    Attributes
    ----------
    net : ReleasedNet
        The corresponding network of this package, with the weights.
    epoch : int
        Epoch after which the checkpoint was written, counted from 0.
    test_loss : float
        Sum of the losses of the validation batches.
    """

    net: ReleasedNet
    epoch: int
    test_loss: float

    def install_into(self, estimator, name: str, recipe: Recipe) -> nn.Module:
        """Make a module from a recipe, load the weights, and set it as an attribute.

        The estimator is then fitted.
        """
        module = recipe.make(seed=0)
        module.load_state_dict(self.net.weights)
        estimator._set_module(name, module, recipe)
        estimator.n_channels_in_ = self.net.settings["n_channels"]
        # The file has neither the rate nor the magnitudes of the training.
        estimator.sampling_rate_ = rate_of(estimator)
        estimator._magnitudes = None
        estimator.history_ = [{"epoch": self.epoch, "test_loss": self.test_loss}]
        return module


def read_released(
    path: str | os.PathLike, read_net: Callable[[Mapping[str, Tensor]], ReleasedNet]
) -> ReleasedCheckpoint:
    """Read a checkpoint of the released code.

    Parameters
    ----------
    path : str or path-like
        The file.
    read_net : callable
        Converts the state dict in the checkpoint to a network of this package.

    Returns
    -------
    checkpoint : ReleasedCheckpoint
        The checkpoint. Its weights are on the CPU, also if a GPU wrote them.

    Raises
    ------
    ValueError
        If the path is not a file.
    DamagedFileError
        If the file is not such a checkpoint, is damaged, or contains anything else.
    OSError
        If the file cannot be read.
    """
    path = Path(path)
    if path.exists() and not path.is_file():
        raise ValueError(f"{path} cannot be loaded: it is not a file.")
    try:
        n_bytes = _check_archive(path)
        content = _load(path)
        _check_entries(content)
        _check_tensors(content["net"], n_bytes)
        net = read_net(content["net"])
    except ValueError as error:
        raise DamagedFileError(f"{path} cannot be loaded: {error}") from error
    return ReleasedCheckpoint(net, content["epoch"], float(content["test_loss"]))


def as_encoder(net: ReleasedNet) -> str | Callable[..., nn.Module]:
    """Return the value of an estimator's parameter `encoder` that makes such a network.

    It is the name of a preset if the network has its settings, else a partial of its class.
    """
    defaults = {k: v.default for k, v in signature(net.factory).parameters.items()}
    settings = {k: v for k, v in net.settings.items() if k != "n_channels"}
    for name, preset in ENCODER_PRESETS.items():
        same = {**defaults, **preset.settings} == {**defaults, **settings}
        if preset.factory is net.factory and same:
            return name
    return partial(net.factory, **settings)


def _check_archive(path: Path) -> int:
    """Raise ValueError unless a file is a complete archive of torch; return its size in bytes."""
    n_bytes = path.stat().st_size
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            # torch does not compress, so that no member can be larger than the file.
            stored = all(member.compress_type == zipfile.ZIP_STORED for member in members)
            within = all(0 <= member.header_offset < n_bytes for member in members)
            by_torch = stored and within and sum(m.file_size for m in members) <= n_bytes
            # torch does not compare checksums.
            damaged = archive.testzip() if by_torch else None
    except Exception as error:
        if not is_damage(error):
            raise
        raise ValueError(
            f"it is not an archive of torch, or it is truncated ({error}). {_EXPECTED}"
        ) from error
    if not by_torch:
        raise ValueError(f"it is an archive, but torch did not write it. {_EXPECTED}")
    if damaged is not None:
        raise ValueError(f"it is damaged: the checksum of {damaged} does not match.")
    return n_bytes


def _load(path: Path) -> Any:
    try:
        # torch's own reader, so that this is the pickle that torch.load reads.
        check_pickle(torch._C.PyTorchFileReader(os.fspath(path)).get_record("data.pkl"))
        # Memory-mapped, because only a third is read: the rest belongs to the optimizer.
        return torch.load(os.fspath(path), map_location="cpu", weights_only=True, mmap=True)
    except NotAStateDict as error:
        raise ValueError(
            f"it holds more than tensors and plain values ({error}), which could execute code or "
            f"exhaust memory and is not loaded. {_EXPECTED}"
        ) from None
    except Exception as error:  # torch can raise any error for an invalid file
        lines = str(error).splitlines() or [""]
        raise ValueError(
            f"torch cannot read it ({type(error).__name__}: {lines[0]}). {_EXPECTED}"
        ) from error


def _check_entries(content: Any) -> None:
    """Raise ValueError unless there are exactly the expected entries, of the expected types."""
    if not isinstance(content, dict):
        raise ValueError(f"it holds a {type(content).__name__}. {_EXPECTED}")
    if content and all(isinstance(value, Tensor) for value in content.values()):
        raise ValueError(f"it holds a bare state dict ({_keys(content)}). {_EXPECTED}")
    if content.keys() != set(_ENTRIES):
        raise ValueError(f"it holds {_keys(content)}. {_EXPECTED}")
    net, optimizer, epoch, test_loss = (content[name] for name in _ENTRIES)
    if not isinstance(net, dict) or not net:
        raise ValueError(f"its net is a {type(net).__name__}, not a state dict. {_EXPECTED}")
    if not isinstance(optimizer, dict) or optimizer.keys() != {"state", "param_groups"}:
        raise ValueError("its optimizer is not a state dict with state and param_groups.")
    if type(epoch) is not int or epoch < 0:
        raise ValueError(f"its epoch is {reprlib.repr(epoch)}; expected an int of at least 0.")
    if type(test_loss) not in (int, float) or not math.isfinite(test_loss):
        raise ValueError(f"its test_loss is {reprlib.repr(test_loss)}; expected a finite number.")


def _check_tensors(net: dict, n_bytes: int) -> None:
    """Raise ValueError unless the values are finite tensors that fit into `n_bytes`."""
    for name, tensor in net.items():
        if not isinstance(name, str) or type(tensor) is not Tensor:
            raise ValueError(
                f"its net has {reprlib.repr(name)}: a {type(tensor).__name__}; expected names and "
                "tensors."
            )
        dtype = torch.int64 if name.endswith("num_batches_tracked") else torch.float32
        plain = tensor.layout == torch.strided and tensor.device.type == "cpu"
        if tensor.dtype != dtype or not plain or not tensor.is_contiguous() or not tensor.numel():
            raise ValueError(
                f"{name} is a tensor of {tensor.dtype}, {tensor.layout}, shape "
                f"{tuple(tensor.shape)}; expected {dtype}, dense and not empty."
            )
    # Tensors that share storage could be far larger than the file.
    if sum(tensor.nbytes for tensor in net.values()) > n_bytes:
        raise ValueError("its tensors are larger than the file.")
    for name, tensor in net.items():
        if not torch.isfinite(tensor).all():
            raise ValueError(f"{name} has weights that are NaN or infinite.")


def _keys(content: dict) -> str:
    names = [key if isinstance(key, str) else reprlib.repr(key) for key in content]
    return listed(names, 6) or "nothing"
