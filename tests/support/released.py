"""Weights of the released networks: their layout, random values, and files that hold them."""

from collections import OrderedDict

import numpy as np
import torch

from relcon_sklearn.nn._released_networks import released_encoder, released_motif_attention


def released_motif_weights(arrays, prefix="xattn/"):
    """Return a state dict of our MotifCrossAttention, or gradients with the same names."""
    return released_motif_attention(with_prefix(arrays, prefix)).weights


def released_resnet_weights(arrays, prefix):
    """Return a state dict of our ResNet1D."""
    return released_encoder(with_prefix(arrays, prefix)).weights


def with_prefix(arrays, prefix):
    """Return the arrays whose names have a prefix, by the names without it."""
    return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}


def write_released(path, theirs, **entries):
    """Write a checkpoint as the released code does, after one step of its optimizer."""
    parameters = [
        torch.nn.Parameter(value.clone(), requires_grad=True)
        for name, value in theirs.items()
        if value.is_floating_point() and "running" not in name
    ]
    optimizer = torch.optim.Adam(parameters, lr=1e-6)
    for parameter in parameters:
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    content = {
        "net": OrderedDict(theirs),
        "optimizer": optimizer.state_dict(),
        "test_loss": 123.5,
        "epoch": 7,
    }
    torch.save(content | entries, path)
    return path


def relcon_layout(n_blocks, widths, kernel_sizes, n_channels=3):
    """Return names and shapes of the weights of RelCon's released encoder, of any size."""
    shapes = {"first_block_conv.weight": (widths[0], n_channels, 7)}
    shapes |= {"first_block_conv.bias": (widths[0],)} | _norm("first_block_bn", widths[0])
    i, before = 0, widths[0]
    for n, width, kernel_size in zip(n_blocks, widths, kernel_sizes, strict=True):
        for _ in range(n):
            block = f"basicblock_list.{i}"
            shapes |= _norm(f"{block}.bn1", before) | _norm(f"{block}.bn2", width)
            shapes |= {f"{block}.conv1.weight": (width, before, kernel_size)}
            shapes |= {f"{block}.conv2.weight": (width, width, kernel_size)}
            shapes |= {f"{block}.conv1.bias": (width,), f"{block}.conv2.bias": (width,)}
            if width != before:
                shapes |= {f"{block}.projection_conv.weight": (width, before, 1)}
                shapes |= {f"{block}.projection_conv.bias": (width,)}
            i, before = i + 1, width
    return shapes


def pulse_ppg_layout(width, n_blocks=12, kernel_size=11, n_channels=1):
    """Return names and shapes of the weights of Pulse-PPG's released encoder, of any size."""
    shapes = {"first_block_conv.conv.weight": (width, n_channels, kernel_size)}
    shapes |= {"first_block_conv.conv.bias": (width,)} | _norm("first_block_bn", width)
    for i in range(n_blocks):
        block = f"basicblock_list.{i}"
        before, after = (2 ** (max(0, k) // 4) * width for k in (i - 1, i))
        shapes |= _norm(f"{block}.bn1", before) | _norm(f"{block}.bn2", after)
        shapes |= {f"{block}.conv1.conv.weight": (after, before, kernel_size)}
        shapes |= {f"{block}.conv2.conv.weight": (after, after, kernel_size)}
        shapes |= {f"{block}.conv1.conv.bias": (after,), f"{block}.conv2.conv.bias": (after,)}
    return shapes


def _norm(name, width):
    names = ("weight", "bias", "running_mean", "running_var")
    return {f"{name}.{n}": (width,) for n in names} | {f"{name}.num_batches_tracked": ()}


def random_weights(layout, seed=0):
    """Return random weights of a layout, with which signals neither vanish nor explode."""
    rng = np.random.default_rng(seed)
    weights = {}
    for name, shape in layout.items():
        if name.endswith("num_batches_tracked"):
            value = np.array(100)
        elif name.endswith("running_var"):
            value = rng.uniform(0.5, 2, shape).astype(np.float32)
        else:
            scale = np.sqrt(2 / np.prod(shape[1:])) if len(shape) > 1 else 0.2
            one = 1 if len(shape) == 1 and name.endswith("weight") else 0
            value = rng.normal(one, scale, shape).astype(np.float32)
        weights[name] = torch.from_numpy(value)
    return weights
