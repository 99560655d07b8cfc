"""Weights of the released networks, told by their names and shapes, in networks of ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import groupby
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ._motif_attention import MotifCrossAttention
from ._pulse_ppg import PulsePPGEncoder
from ._resnet import ResNet1D

_BATCH_NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")

# Names in a message.
_N_NAMED = 3


class ReleasedNet(NamedTuple):
    """A network of ours that gives what a released one does.

    Attributes
    ----------
    factory : type
        Its class.
    settings : dict
        What the class is called with, `n_channels` included.
    weights : dict of str to Tensor
        Its state dict.
    """

    factory: Callable[..., nn.Module]
    settings: dict[str, Any]
    weights: dict[str, Tensor]


def released_encoder(theirs: Mapping[str, Tensor]) -> ReleasedNet:
    """Return the encoder that has the weights of a released one, RelCon's or Pulse-PPG's.

    Number, width and kernel size of its layers are those of the tensors. Strides are not in them,
    and taken to be as published.

    Parameters
    ----------
    theirs : mapping of str to Tensor
        State dict of the released network.

    Returns
    -------
    net : ReleasedNet
        Of a :class:`ResNet1D` or a :class:`PulsePPGEncoder`.

    Raises
    ------
    ValueError
        If it is of neither, or not complete, or has more.
    """
    if "first_block_conv.weight" in theirs:
        return _resnet(theirs)
    if "first_block_conv.conv.weight" in theirs:
        return _pulse_ppg(theirs)
    hint = ""
    if "q_func.layer0.dilated_conv.weight" in theirs:
        hint = " They are those of a motif distance, which LearnedMotifDistance reads."
    raise ValueError(
        f"its weights ({_some(theirs)}) are not of an encoder that the released code of RelCon or "
        f"Pulse-PPG has (first_block_conv, basicblock_list).{hint}"
    )


def released_motif_attention(theirs: Mapping[str, Tensor]) -> ReleasedNet:
    """Return the motif cross-attention that has the weights of the released one.

    Parameters
    ----------
    theirs : mapping of str to Tensor
        State dict of the released network.

    Returns
    -------
    net : ReleasedNet
        Of a :class:`MotifCrossAttention`, whose `attention` is not in the weights.

    Raises
    ------
    ValueError
        If it is of another network, or not complete, or has more.
    """
    stem = "q_func.layer0.dilated_conv.weight"
    if stem not in theirs:
        hint = ""
        if "basicblock_list.0.conv2.bias" in theirs or "first_block_bn.bias" in theirs:
            hint = " They are those of an encoder, which RelConEmbedder reads."
        raise ValueError(
            f"its weights ({_some(theirs)}) are not of the cross-attention that the released code "
            f"of RelCon has (q_func, k_func, v_func, out_proj).{hint}"
        )
    embed_dim, n_channels, kernel_size = _sizes(theirs, stem)
    if kernel_size % 2 == 0:
        raise ValueError(f"{stem} has a kernel of {kernel_size}; expected an odd one.")
    settings = {
        "n_channels": n_channels,
        "embed_dim": embed_dim,
        "kernel_size": kernel_size,
        "n_layers": _count(theirs, "q_func.layers.{}.bottle.weight"),
    }
    return _take(theirs, MotifCrossAttention, settings, _name_in_attention)


def _resnet(theirs: Mapping[str, Tensor]) -> ReleasedNet:
    _, n_channels, _ = _sizes(theirs, "first_block_conv.weight")
    n_blocks = _count(theirs, "basicblock_list.{}.conv1.weight")
    sizes = (_sizes(theirs, f"basicblock_list.{i}.conv1.weight") for i in range(n_blocks))
    # A stage is what has one width and one kernel size.
    stages = [
        (len(list(blocks)), width, kernel_size)
        for (width, kernel_size), blocks in groupby((width, size) for width, _, size in sizes)
    ]
    if not stages:
        raise ValueError("it has no residual block (basicblock_list.0.conv1.weight).")
    per_stage = zip(("n_blocks", "widths", "kernel_sizes"), zip(*stages, strict=True), strict=True)
    settings = {"n_channels": n_channels, **dict(per_stage)}
    return _take(theirs, ResNet1D, settings, _name_in_encoder, folded=_folded(n_blocks))


def _pulse_ppg(theirs: Mapping[str, Tensor]) -> ReleasedNet:
    width, n_channels, kernel_size = _sizes(theirs, "first_block_conv.conv.weight")
    n_blocks = _count(theirs, "basicblock_list.{}.conv1.conv.weight")
    if n_blocks == 0:
        raise ValueError("it has no residual block (basicblock_list.0.conv1.conv.weight).")
    widths = PulsePPGEncoder.widths(width, n_blocks)
    for i, expected in enumerate(widths):
        name = f"basicblock_list.{i}.conv1.conv.weight"
        if (found := _sizes(theirs, name)[0]) != expected:
            raise ValueError(
                f"{name} has {found} output channels; expected {expected}: the width doubles with "
                "every fourth block."
            )
    settings = {
        "n_channels": n_channels,
        "width": width,
        "n_blocks": n_blocks,
        "kernel_size": kernel_size,
    }
    return _take(
        theirs,
        PulsePPGEncoder,
        settings,
        partial(_name_in_encoder, infix="conv."),
        folded=_folded(n_blocks),
        # The first block has a batch norm that it does not use.
        unused={
            f"basicblock_list.0.bn1.{name}": () if name == "num_batches_tracked" else (width,)
            for name in _BATCH_NORM
        },
    )


def _folded(n_blocks: int) -> dict[str, str]:
    """Return the batch norm after each convolution that has a bias there, and none with us."""
    return {
        "stem_conv": "stem_bn",
        **{f"blocks.{i}.conv1": f"blocks.{i}.bn2" for i in range(n_blocks)},
    }


def _take(
    theirs: Mapping[str, Tensor],
    factory: Callable[..., nn.Module],
    settings: dict[str, Any],
    their_name: Callable[[str], str],
    folded: Mapping[str, str] | None = None,
    unused: Mapping[str, tuple[int, ...]] | None = None,
) -> ReleasedNet:
    """Return a network of ours with the weights of theirs, all of which must have their place.

    Parameters
    ----------
    theirs : mapping of str to Tensor
        Their weights.
    factory, settings
        How ours is made.
    their_name : callable
        Their name of a weight of ours.
    folded : mapping of str to str or None
        Convolutions with a bias there but none here, and the batch norm behind them, which in
        training subtracts a bias again. In evaluation it is taken off the running mean.
    unused : mapping of str to tuple of int or None
        Names and shapes of weights that have no effect.
    """
    with torch.device("meta"):
        shapes = {k: tuple(v.shape) for k, v in factory(**settings).state_dict().items()}
    biases = {
        their_name(f"{conv}.bias"): f"{norm}.running_mean" for conv, norm in (folded or {}).items()
    }
    expected = {their_name(name): _their_shape(name, shape) for name, shape in shapes.items()}
    expected |= {bias: shapes[mean] for bias, mean in biases.items()}
    _check(theirs, {**expected, **(unused or {})}, factory, settings)
    weights = {name: theirs[their_name(name)].reshape(shape) for name, shape in shapes.items()}
    for bias, mean in biases.items():
        weights[mean] = weights[mean] - theirs[bias]
    return ReleasedNet(factory, settings, weights)


def _name_in_encoder(ours: str, infix: str = "") -> str:
    for here, there in (
        ("stem_conv.", f"first_block_conv.{infix}"),
        ("stem_bn.", "first_block_bn."),
        ("blocks.", "basicblock_list."),
        (".conv1.", f".conv1.{infix}"),
        (".conv2.", f".conv2.{infix}"),
        (".projection.", ".projection_conv."),
    ):
        ours = ours.replace(here, there)
    return ours


def _name_in_attention(ours: str) -> str:
    for here, there in (
        ("revin.", "revin.affine_"),
        ("query_net.", "q_func."),
        ("key_net.", "k_func."),
        ("value_net.", "v_func."),
        (".stem.", ".layer0.dilated_conv."),
        (".blocks.", ".layers."),
        (".squeeze.", ".bottle."),
        (".dilated.", ".dilated_conv."),
    ):
        ours = ours.replace(here, there)
    return ours


def _their_shape(ours: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    # Ours has a dimension for time.
    return shape[:1] if ours.startswith("revin.") else shape


def _count(theirs: Mapping[str, Tensor], pattern: str) -> int:
    """Return how many layers there are, numbered from 0 without a gap."""
    n = 0
    while pattern.format(n) in theirs:
        n += 1
    return n


def _sizes(theirs: Mapping[str, Tensor], name: str) -> tuple[int, ...]:
    """Return (out_channels, in_channels, kernel_size) of a convolution over time."""
    shape = tuple(theirs[name].shape)
    if len(shape) != 3:
        raise ValueError(
            f"{name} has shape {shape}; expected (out_channels, in_channels, kernel_size)."
        )
    return shape


def _check(
    theirs: Mapping[str, Tensor],
    expected: Mapping[str, tuple[int, ...]],
    factory: Callable[..., nn.Module],
    settings: dict[str, Any],
) -> None:
    """Raise ValueError unless there is every weight expected, in its shape, and no other."""
    wrong = [
        f"{name} has shape {tuple(theirs[name].shape)} where {shape} is expected"
        for name, shape in expected.items()
        if name in theirs and tuple(theirs[name].shape) != shape
    ]
    problems = []
    if missing := [name for name in expected if name not in theirs]:
        problems.append(f"{_some(missing)} missing")
    if others := [name for name in theirs if name not in expected]:
        problems.append(f"{_some(others)} unexpected")
    problems += wrong[:_N_NAMED]
    if problems:
        like = ", ".join(f"{key}={value}" for key, value in settings.items())
        raise ValueError(
            f"its weights are not those of the {factory.__name__}({like}) that they look like: "
            + "; ".join(problems)
            + "."
        )


def _some(names: Mapping[str, Any] | Sequence[str]) -> str:
    names = list(names)
    more = f" and {len(names) - _N_NAMED} more" if len(names) > _N_NAMED else ""
    return (", ".join(names[:_N_NAMED]) or "none") + more
