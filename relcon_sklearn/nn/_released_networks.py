"""Conversion of released networks, recognised by the names and shapes of their weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import groupby
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from .._utils._text import listed
from ._motif_attention import MotifCrossAttention
from ._pulse_ppg import PulsePPGEncoder
from ._resnet import ResNet1D

_BATCH_NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")

# Maximum number of names that a message lists.
_N_LISTED = 3


class ReleasedNet(NamedTuple):
    """A network of this package that computes the same function as a released network.

    Attributes
    ----------
    factory : type
        Class of the network.
    settings : dict
        Keyword arguments of the class, including `n_channels`.
    weights : dict of str to Tensor
        State dict of the network.
    """

    factory: Callable[..., nn.Module]
    settings: dict[str, Any]
    weights: dict[str, Tensor]


def released_encoder(state_dict: Mapping[str, Tensor]) -> ReleasedNet:
    """Return the encoder with the weights of a released encoder of RelCon or Pulse-PPG.

    The number, width and kernel size of its layers are inferred from the weights. Strides cannot be
    inferred, and are assumed to be as published.

    Parameters
    ----------
    state_dict : mapping of str to Tensor
        State dict of the released network.

    Returns
    -------
    net : ReleasedNet
        A :class:`ResNet1D` or a :class:`PulsePPGEncoder`.

    Raises
    ------
    ValueError
        If the weights belong to another network, or if weights are missing or unexpected.
    """
    if "first_block_conv.weight" in state_dict:
        return _released_resnet(state_dict)
    if "first_block_conv.conv.weight" in state_dict:
        return _released_pulse_ppg(state_dict)
    hint = ""
    if "q_func.layer0.dilated_conv.weight" in state_dict:
        hint = " They belong to a motif distance, which LearnedMotifDistance can load."
    raise ValueError(
        f"its weights ({_listed(state_dict)}) do not belong to an encoder of the released code of "
        f"RelCon or Pulse-PPG (first_block_conv, basicblock_list).{hint}"
    )


def released_motif_attention(state_dict: Mapping[str, Tensor]) -> ReleasedNet:
    """Return the motif cross-attention with the weights of the released one.

    Parameters
    ----------
    state_dict : mapping of str to Tensor
        State dict of the released network.

    Returns
    -------
    net : ReleasedNet
        A :class:`MotifCrossAttention`. Its settings do not include `attention`, which cannot be
        inferred from the weights.

    Raises
    ------
    ValueError
        If the weights belong to another network, or if weights are missing or unexpected.
    """
    stem = "q_func.layer0.dilated_conv.weight"
    if stem not in state_dict:
        hint = ""
        if "basicblock_list.0.conv2.bias" in state_dict or "first_block_bn.bias" in state_dict:
            hint = " They belong to an encoder, which RelConEmbedder can load."
        raise ValueError(
            f"its weights ({_listed(state_dict)}) do not belong to the cross-attention of the "
            f"released code of RelCon (q_func, k_func, v_func, out_proj).{hint}"
        )
    embed_dim, n_channels, kernel_size = _conv_sizes(state_dict, stem)
    if kernel_size % 2 == 0:
        raise ValueError(f"{stem} has a kernel size of {kernel_size}; expected an odd number.")
    settings = {
        "n_channels": n_channels,
        "embed_dim": embed_dim,
        "kernel_size": kernel_size,
        "n_layers": _count_layers(state_dict, "q_func.layers.{}.bottle.weight"),
    }
    return _convert(state_dict, MotifCrossAttention, settings, _released_attention_name)


def _released_resnet(state_dict: Mapping[str, Tensor]) -> ReleasedNet:
    """Return the :class:`ResNet1D` with the weights of a released encoder of RelCon."""
    _, n_channels, _ = _conv_sizes(state_dict, "first_block_conv.weight")
    n_blocks = _count_layers(state_dict, "basicblock_list.{}.conv1.weight")
    sizes = (_conv_sizes(state_dict, f"basicblock_list.{i}.conv1.weight") for i in range(n_blocks))
    # Consecutive blocks with the same width and kernel size are a stage.
    stages = [
        (len(list(blocks)), width, kernel_size)
        for (width, kernel_size), blocks in groupby((width, size) for width, _, size in sizes)
    ]
    if not stages:
        raise ValueError("it has no residual block (basicblock_list.0.conv1.weight is missing).")
    per_stage = zip(("n_blocks", "widths", "kernel_sizes"), zip(*stages, strict=True), strict=True)
    settings = {"n_channels": n_channels, **dict(per_stage)}
    return _convert(
        state_dict, ResNet1D, settings, _released_encoder_name, folded=_norms_after_biases(n_blocks)
    )


def _released_pulse_ppg(state_dict: Mapping[str, Tensor]) -> ReleasedNet:
    """Return the :class:`PulsePPGEncoder` with the weights of a released encoder of Pulse-PPG."""
    width, n_channels, kernel_size = _conv_sizes(state_dict, "first_block_conv.conv.weight")
    n_blocks = _count_layers(state_dict, "basicblock_list.{}.conv1.conv.weight")
    if n_blocks == 0:
        raise ValueError(
            "it has no residual block (basicblock_list.0.conv1.conv.weight is missing)."
        )
    widths = PulsePPGEncoder.widths(width, n_blocks)
    for i, expected in enumerate(widths):
        name = f"basicblock_list.{i}.conv1.conv.weight"
        if (found := _conv_sizes(state_dict, name)[0]) != expected:
            raise ValueError(
                f"{name} has {found} output channels; expected {expected}: the width doubles every "
                "four blocks."
            )
    settings = {
        "n_channels": n_channels,
        "width": width,
        "n_blocks": n_blocks,
        "kernel_size": kernel_size,
    }
    return _convert(
        state_dict,
        PulsePPGEncoder,
        settings,
        partial(_released_encoder_name, infix="conv."),
        folded=_norms_after_biases(n_blocks),
        # The first block of the released network has a batch norm that it does not use.
        unused={
            f"basicblock_list.0.bn1.{name}": () if name == "num_batches_tracked" else (width,)
            for name in _BATCH_NORM
        },
    )


def _norms_after_biases(n_blocks: int) -> dict[str, str]:
    """Return the convolutions that have a bias only in the released network, with their batch norm.

    Keys are names of convolutions in this package, values are names of the batch norms after them.
    """
    return {
        "stem_conv": "stem_bn",
        **{f"blocks.{i}.conv1": f"blocks.{i}.bn2" for i in range(n_blocks)},
    }


def _convert(
    state_dict: Mapping[str, Tensor],
    factory: Callable[..., nn.Module],
    settings: dict[str, Any],
    released_name: Callable[[str], str],
    folded: Mapping[str, str] | None = None,
    unused: Mapping[str, tuple[int, ...]] | None = None,
) -> ReleasedNet:
    """Return a network of this package with the weights of a released network.

    Parameters
    ----------
    state_dict : mapping of str to Tensor
        State dict of the released network. Each weight must have a counterpart.
    factory, settings
        Class and keyword arguments of the network of this package.
    released_name : callable
        Function that maps names of weights in this package to names in the released network.
    folded : mapping of str to str or None, default=None
        Convolutions that have a bias only in the released network, with the batch norm that follows
        them. In training the batch norm subtracts the bias again. For evaluation the bias is
        subtracted from the running mean.
    unused : mapping of str to tuple of int or None, default=None
        Names and shapes of weights that have no effect in the released network.

    Raises
    ------
    ValueError
        If weights are missing or unexpected, or have an unexpected shape.
    """
    with torch.device("meta"):
        shapes = {k: tuple(v.shape) for k, v in factory(**settings).state_dict().items()}
    biases = {
        released_name(f"{conv}.bias"): f"{norm}.running_mean"
        for conv, norm in (folded or {}).items()
    }
    expected = {released_name(name): _released_shape(name, shape) for name, shape in shapes.items()}
    expected |= {bias: shapes[mean] for bias, mean in biases.items()}
    _check_weights(state_dict, {**expected, **(unused or {})}, factory, settings)
    weights = {
        name: state_dict[released_name(name)].reshape(shape) for name, shape in shapes.items()
    }
    for bias, mean in biases.items():
        weights[mean] = weights[mean] - state_dict[bias]
    return ReleasedNet(factory, settings, weights)


def _released_encoder_name(name: str, infix: str = "") -> str:
    """Return the name that a weight of an encoder has in the released network."""
    for own, released in (
        ("stem_conv.", f"first_block_conv.{infix}"),
        ("stem_bn.", "first_block_bn."),
        ("blocks.", "basicblock_list."),
        (".conv1.", f".conv1.{infix}"),
        (".conv2.", f".conv2.{infix}"),
        (".projection.", ".projection_conv."),
    ):
        name = name.replace(own, released)
    return name


def _released_attention_name(name: str) -> str:
    """Return the name that a weight of the cross-attention has in the released network."""
    for own, released in (
        ("revin.", "revin.affine_"),
        ("query_net.", "q_func."),
        ("key_net.", "k_func."),
        ("value_net.", "v_func."),
        (".stem.", ".layer0.dilated_conv."),
        (".blocks.", ".layers."),
        (".squeeze.", ".bottle."),
        (".dilated.", ".dilated_conv."),
    ):
        name = name.replace(own, released)
    return name


def _released_shape(name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape that a weight has in the released network, where RevIN has no time axis."""
    return shape[:1] if name.startswith("revin.") else shape


def _count_layers(state_dict: Mapping[str, Tensor], pattern: str) -> int:
    """Return the number of layers, which are numbered from 0 without a gap."""
    n = 0
    while pattern.format(n) in state_dict:
        n += 1
    return n


def _conv_sizes(state_dict: Mapping[str, Tensor], name: str) -> tuple[int, ...]:
    """Return (out_channels, in_channels, kernel_size) of a convolution over time."""
    shape = tuple(state_dict[name].shape)
    if len(shape) != 3:
        raise ValueError(
            f"{name} has shape {shape}; expected (out_channels, in_channels, kernel_size)."
        )
    return shape


def _check_weights(
    state_dict: Mapping[str, Tensor],
    expected: Mapping[str, tuple[int, ...]],
    factory: Callable[..., nn.Module],
    settings: dict[str, Any],
) -> None:
    """Raise ValueError unless the state dict has exactly the expected names and shapes."""
    misshapen = [
        f"{name} has shape {tuple(state_dict[name].shape)} where {shape} is expected"
        for name, shape in expected.items()
        if name in state_dict and tuple(state_dict[name].shape) != shape
    ]
    problems = []
    if missing := [name for name in expected if name not in state_dict]:
        problems.append(f"{_listed(missing)} missing")
    if unexpected := [name for name in state_dict if name not in expected]:
        problems.append(f"{_listed(unexpected)} unexpected")
    problems += misshapen[:_N_LISTED]
    if problems:
        arguments = ", ".join(f"{key}={value}" for key, value in settings.items())
        raise ValueError(
            f"its weights do not match {factory.__name__}({arguments}), which their names and "
            "shapes suggest: " + "; ".join(problems) + "."
        )


def _listed(names: Mapping[str, Any] | Sequence[str]) -> str:
    """Return the first names as text, with the number of the others."""
    return listed(list(names), _N_LISTED) or "none"
